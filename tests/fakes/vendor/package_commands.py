"""Commands ``ipx::`` of the fake ``vivado``: a block design becomes an IP block of its own."""

from __future__ import annotations

import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import ip
from tcl_shell import Command, options, to_tcl

if TYPE_CHECKING:
    from vivado_tool import Vivado

_CORE = "component_1"
KERNEL_MARK = "fake_kernel"
#: These give a handle that is passed on and nothing else.
_HANDLES = (
    "add_file_group add_address_block add_memory_map get_memory_maps get_bus_interfaces "
    "get_bus_parameters get_address_spaces get_file_groups create_xgui_files update_checksums "
    "remove_segment remove_file remove_all_file remove_file_group"
)


class PackageCommands:
    """The core that is being packaged."""

    def __init__(self, vivado: Vivado) -> None:
        self.vivado = vivado
        self.session = vivado.session
        self.block: ip.Block | None = None
        self.folder = Path()
        self.files: list[str] = []
        self.added: list[str] = []
        self.is_kernel = False

    def commands(self) -> dict[str, Command]:
        commands: dict[str, Command] = {
            f"ipx::{name}": lambda *rest, name=name: self._handle(name) for name in _HANDLES.split()
        }
        return {
            **commands,
            "ipx::package_project": self.package_project,
            "ipx::current_core": lambda *_: self._handle("core"),
            "ipx::find_open_core": self.find_open_core,
            "ipx::add_file": self.add_file,
            "ipx::get_files": self.get_files,
            "ipx::save_core": lambda *_: self.save_core(),
            "package_xo": self.package_xo,
        }

    def _handle(self, name: str) -> str:
        if self.block is None:
            self.session.error("[IP_Flow 19-4318] No IP core is open")
        return _CORE if name == "core" else f"ipx_{name}"

    def set_property(self, name: str, key: str, value: str) -> bool:
        """Whether ``name`` is of a core; whatever is set of one is taken."""
        if name == _CORE and key == "sdx_kernel":
            self.is_kernel = value == "true"
        return self.block is not None and (name == _CORE or name.startswith("ipx_"))

    def package_project(self, *arguments: str) -> str:
        given, _ = options(arguments, "import_files", "force", "quiet")
        design = self.vivado.design.needed()
        self.session.step("package")
        self.folder = Path(given["root_dir"])
        vlnv = f"{given['vendor']}:{given['library']}:{given['module']}:1.0"
        self.block = design.as_block(vlnv)
        sources = self.folder / "src"
        sources.mkdir(parents=True, exist_ok=True)
        self.files = []
        for file in map(Path, self.vivado.needed().files):
            if file.is_file() and file.suffix in (".v", ".sv", ".bd"):
                (sources / file.name).write_bytes(file.read_bytes())
                self.files.append(f"src/{file.name}")
        self.save_core()
        return _CORE

    def add_file(self, name: str, *_: str) -> str:
        self.added.append(name)
        return self._handle("file")

    def get_files(self, *arguments: str) -> str:
        """Those of the core that were added by hand and fit the patterns, each by a handle."""
        _given, patterns = options(arguments, "all")
        found = [name for name in self.added for one in patterns if fnmatch(name, one)]
        return to_tcl([f"ipx_{name}" for name in found])

    def find_open_core(self, vlnv: str) -> str:
        if self.block is None or self.block.vlnv != vlnv:
            self.session.error(f"[IP_Flow 19-4318] No open core '{vlnv}'")
        return _CORE

    def save_core(self) -> None:
        assert self.block is not None
        path = self.folder / "component.xml"
        if "missing_output" in self.session.spoiled:
            path.unlink(missing_ok=True)
            return
        ip.write_component(path, self.block, self.files)
        if self.is_kernel:
            # In the IP-XACT file of a real one; a fake's own file beside it.
            (self.folder / KERNEL_MARK).touch()

    def package_xo(self, *arguments: str) -> str:
        """``-xo_path -kernel_name -ip_directory`` and one ``-kernel_xml_args`` for each argument:
        ``name:addressQualifier:id:port:size:offset:type:memSize``."""
        given, rest = options(arguments, "force")
        folder, target = Path(given["ip_directory"]), Path(given["xo_path"])
        described = [
            arguments[at + 1].split(":")
            for at, word in enumerate(arguments)
            if word == "-kernel_xml_args"
        ]
        self.session.design = given["kernel_name"]
        self.session.step("xo")
        if rest or target.suffix != ".xo":
            self.session.error(f"[Common 17-170] Unknown option '{(rest or [target])[0]}'")
        if not (folder / "component.xml").is_file():
            self.session.error(f"[Common 17-69] Command failed: no component.xml in {folder}")
        block = ip.read_component(folder / "component.xml")
        if block.name != given["kernel_name"] or not (folder / KERNEL_MARK).exists():
            self.session.error(f"[Vivado 12-12407] {block.name} is no kernel {self.session.design}")
        if not any((folder / "dcp").glob("*.dcp")):
            self.session.error(f"[Vivado 12-12407] {folder} has no checkpoint")
        buses = {bus.name for bus in block.buses}
        for number, words in enumerate(described):
            if len(words) != 8 or words[2] != str(number) or words[3] not in buses:
                self.session.error(f"[Vivado 12-4391] kernel argument {':'.join(words)}: no port")
        if missing := buses - {words[3] for words in described} - {"s_axi_control"}:
            self.session.error(f"[Vivado 12-4391] ports without an argument: {sorted(missing)}")
        if not self.session.spoil("missing_output"):
            with zipfile.ZipFile(target, "w") as archive:
                archive.write(folder / "component.xml", f"{block.name}/component.xml")
        return str(target)
