"""Commands ``ipx::`` of the fake ``vivado``: a block design becomes an IP block of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ip
from tcl_shell import Command, options

if TYPE_CHECKING:
    from vivado_tool import Vivado

_CORE = "component_1"
#: These give a handle that is passed on and nothing else.
_HANDLES = (
    "add_file_group add_file add_address_block add_memory_map get_memory_maps get_bus_interfaces "
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

    def commands(self) -> dict[str, Command]:
        commands: dict[str, Command] = {
            f"ipx::{name}": lambda *rest, name=name: self._handle(name) for name in _HANDLES.split()
        }
        return {
            **commands,
            "ipx::package_project": self.package_project,
            "ipx::current_core": lambda *_: self._handle("core"),
            "ipx::find_open_core": self.find_open_core,
            "ipx::get_files": lambda *_: "",
            "ipx::save_core": lambda *_: self.save_core(),
        }

    def _handle(self, name: str) -> str:
        if self.block is None:
            self.session.error("[IP_Flow 19-4318] No IP core is open")
        return _CORE if name == "core" else f"ipx_{name}"

    def set_property(self, name: str, key: str, value: str) -> bool:
        """Whether ``name`` is of a core; whatever is set of one is taken."""
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
