"""The fake ``vivado``: its command line, and the commands of its Tcl that build projects."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import runs
from design_commands import DesignCommands
from package_commands import PackageCommands
from project import Project, Run, is_part, open_project
from report_commands import ReportCommands
from session import BUILDS, Session, TclFailure, ToolStop
from tcl_shell import Command, TclShell, options, to_tcl

_SHIPPED_BOARDS = re.compile(r"xilinx\.com:(?:zcu104|zcu102|kv260_som|zcu111):part0:\d\.\d")
_SILENT = (
    "set_msg_config reset_msg_config set_param update_ip_catalog update_compile_order startgroup "
    "endgroup close_design close_project current_bd_instance set_false_path regenerate_bd_layout "
    "upgrade_ip export_ip_user_files"
)


def run_vivado(session: Session) -> None:
    """``vivado -mode batch -source <script> [-tclargs …]``. Raises ToolStop, TclFailure."""
    given, scripts, arguments = _command_line(session)
    build, built = BUILDS.get(session.version, ("3671981", "Fri Oct 14 04:59:54 MDT 2022"))
    session.say(f"\n****** Vivado v{session.version} (64-bit)")
    session.say(f"  **** SW Build {build} on {built}")
    session.say(f"    ** Copyright 1986-{session.version[:4]} Xilinx, Inc. All Rights Reserved.\n")
    for script in scripts:
        if not Path(script).is_file():
            session.error(f'[Common 17-55] source: couldn\'t read file "{script}"')
    vivado = Vivado(session)
    shell = vivado.shell
    shell.set("argv", arguments)
    shell.set("argc", len(arguments))
    session.step("start")
    try:
        for script in scripts:
            session.say(f"source {script}")
            shell.run(Path(script))
    finally:
        vivado.save()
        name = given.get("log", "vivado.log")
        Path(name).write_text(f"# Vivado v{session.version}\n")
    session.say(f"INFO: [Common 17-206] Exiting Vivado at {session.now()}...")


def _command_line(session: Session) -> tuple[dict[str, str], list[str], list[str]]:
    words, arguments = list(session.arguments), []
    if "-tclargs" in words:
        at = words.index("-tclargs")
        words, arguments = words[:at], words[at + 1 :]
    flags = ("notrace", "nojournal", "nolog", "quiet", "verbose")
    scripts = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "-source"]
    given, rest = options(tuple(words), *flags)
    unknown = set(given) - {"mode", "source", "log", "journal", "tempDir", "stack", *flags}
    if unknown or rest:
        session.say(f"ERROR: [Common 17-170] Unknown option '{(sorted(unknown) + rest)[0]}'")
        raise ToolStop(1)
    if given.get("mode") != "batch" or not scripts:
        session.say("ERROR: the fake runs in batch mode with a script only")
        raise ToolStop(1)
    return given, scripts, arguments


class Vivado:
    """The project, and whatever commands work on it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.project: Project | None = None
        self.parameters = {"board.repoPaths": ""}
        self.opened_run: str | None = None
        self.design = DesignCommands(self)
        self.package = PackageCommands(self)
        self.reports = ReportCommands(self)
        commands: dict[str, Command] = dict.fromkeys(_SILENT.split(), _nothing)
        for part in (self, self.design, self.package, self.reports):
            commands.update(part.commands())
        self.shell = TclShell(session, commands)

    def commands(self) -> dict[str, Command]:
        return {
            "create_project": self.create_project,
            "open_project": self.open_project,
            "current_project": lambda: self.needed().name,
            "set_property": self.set_property,
            "get_property": self.get_property,
            "get_param": lambda name: self.parameters.get(name, ""),
            "add_files": self.add_files,
            "get_files": self.get_files,
            "import_files": self.add_files,
            "current_fileset": lambda *_: "sources_1",
            "get_filesets": lambda *names: names[-1],
            "get_runs": self.get_runs,
            "make_wrapper": self.make_wrapper,
            "generate_target": self.generate_target,
            "reset_run": self.reset_run,
            "launch_runs": self.launch_runs,
            "wait_on_run": self.wait_on_runs,
            "wait_on_runs": self.wait_on_runs,
            "version": lambda *_: self.session.version,
            "exit": self.exit,
            "quit": self.exit,
        }

    def needed(self) -> Project:
        if self.project is None:
            self.session.error("[Common 17-53] User Exception: No open project.")
        return self.project

    def save(self) -> None:
        if self.project is not None:
            self.project.save()

    def exit(self, code: str = "0") -> None:
        raise ToolStop(int(code))

    # Projects

    def create_project(self, *arguments: str) -> str:
        given, rest = options(arguments, "force", "in_memory")
        name = rest[0]
        folder = Path(rest[1] if len(rest) > 1 else ".").absolute()
        part = given.get("part", "")
        if not is_part(part):
            self.session.error(
                f"[Coretcl 2-106] Specified part could not be found. '{part}' is not a valid part."
            )
        if (folder / f"{name}.xpr").exists() and "force" not in given:
            self.session.error(
                "[Common 17-53] User Exception: Project already exists on disk, please use "
                f"'-force' option to overwrite:\n\t{folder}/{name}.xpr"
            )
        self.project = Project(name, str(folder), part)
        for run in ("synth_1", "impl_1"):
            self.project.runs[run] = Run(run)
        self.session.design = name
        self.project.save()
        return name

    def open_project(self, *arguments: str) -> str:
        _, rest = options(arguments, "quiet", "read_only")
        path = Path(rest[0]).absolute()
        if not path.is_file():
            self.session.error(f"[Coretcl 2-27] Can't find specified project: {path}")
        self.project = open_project(path)
        if self.project is None:
            self.session.error(f"[Project 1-19] Could not parse {path}")
        self.project.directory = str(path.parent)
        self.session.design = self.project.design
        return self.project.name

    # Properties

    def set_property(self, *arguments: str) -> None:
        given, rest = options(arguments, "quiet")
        if "dict" in given:
            words = self.shell.words(given["dict"])
            pairs = list(zip(words[::2], words[1::2], strict=True))
            objects = rest
        elif "name" in given:
            pairs, objects = [(given["name"], given["value"])], [given["objects"]]
        else:
            pairs, objects = [(rest[0], rest[1])], rest[2:]
        names = [name for group in objects for name in self.shell.words(group)]
        if not names:
            self.session.error("[Common 17-54] The object list for 'set_property' is empty.")
        for name in names:
            for key, value in pairs:
                self._set(name, key, value)

    def _set(self, name: str, key: str, value: str) -> None:
        project = self.needed()
        if name == project.name:
            self._set_of_project(key, value)
        elif name in project.runs:
            project.runs[name].settings[key] = value
        elif name in ("sources_1", "sim_1", "constrs_1"):
            if key == "top" and name == "sources_1":
                project.top = value
        elif not (self.package.set_property(name, key, value) or name in project.files):
            self.design.set_property(name, key, value)

    def _set_of_project(self, key: str, value: str) -> None:
        project = self.needed()
        if key == "board_part" and not self._board_is_known(value):
            self.session.error(
                f"[Board 49-71] The board_part definition was not found for {value}. The project's "
                "board_part property was not set"
            )
        if key == "ip_repo_paths":
            for folder in self.shell.words(value):
                if not Path(folder).is_dir():
                    self.session.say(
                        "WARNING: [IP_Flow 19-2248] Failed to load user IP repository "
                        f"'{folder}'; Can't find the specified path."
                    )
        project.properties[key] = value

    def _board_is_known(self, name: str) -> bool:
        if _SHIPPED_BOARDS.fullmatch(name):
            return True
        vendor, board = name.split(":")[:2]
        paths = self.needed().properties.get("BOARD_PART_REPO_PATHS", "")
        for folder in self.shell.words(paths) + self.shell.words(
            self.parameters["board.repoPaths"]
        ):
            for path in Path(folder).glob("**/board.xml"):
                try:
                    root = ElementTree.parse(path).getroot()
                except ElementTree.ParseError:
                    continue
                if (root.get("vendor"), root.get("name")) == (vendor, board):
                    return True
        return False

    def get_property(self, *arguments: str) -> str:
        _, rest = options(arguments, "quiet")
        key, name = rest[0], rest[1]
        project = self.project
        if project is not None and name == project.name:
            known = {"DIRECTORY": project.directory, "PART": project.part, "NAME": name}
            return known.get(key.upper(), project.properties.get(key, ""))
        if project is not None and name in project.runs:
            run = project.runs[name]
            known = {
                "PROGRESS": run.progress,
                "STATUS": run.status,
                "DIRECTORY": str(project.run_folder(name)),
                "NAME": name,
                "NEEDS_REFRESH": "0",
            }
            return known.get(key.upper(), run.settings.get(key, ""))
        if project is not None and name in project.files:
            return {"NAME": name, "FILE_TYPE": _file_type(name)}.get(key, "")
        return self.design.get_property(key, name)

    # Files

    def add_files(self, *arguments: str) -> str:
        _given, rest = options(arguments, "norecurse", "quiet", "force", "scan_for_includes")
        project = self.needed()
        added = []
        for name in [name for group in rest for name in self.shell.words(group)]:
            path = Path(name).absolute()
            moved = Path(str(path).replace(f"{project.name}.srcs", f"{project.name}.gen"))
            if not path.exists() and not moved.exists():
                self.session.error(f"[Vivado 12-172] File or Directory '{name}' does not exist")
            added.append(str(path if path.exists() else moved))
        project.files += [name for name in added if name not in project.files]
        return to_tcl(added)

    def get_files(self, *arguments: str) -> str:
        _given, rest = options(arguments, "quiet", "all")
        files = self.needed().files
        if not rest:
            return to_tcl(files)
        found = [
            name
            for pattern in rest
            for name in files
            if name == pattern or name.endswith(f"/{pattern.lstrip('*')}")
        ]
        if not found:
            self.session.say(f"WARNING: [Vivado 12-818] No files matched '{rest[0]}'")
        return to_tcl(found)

    def make_wrapper(self, *arguments: str) -> str:
        given, _rest = options(arguments, "top", "import", "testbench", "inst_template")
        project = self.needed()
        files = self.shell.words(given.get("files", ""))
        design = self.design.needed()
        if not any(name.endswith(f"{design.name}.bd") for name in files):
            self.session.error("[Common 17-55] 'make_wrapper': no block design is named by -files")
        project.design = design.name
        path = project.design_folder(generated=True) / "hdl" / f"{design.name}_wrapper.v"
        path.parent.mkdir(parents=True, exist_ok=True)
        ports = ", ".join(name[1:] for name in [*design.ports, *design.bus_ports])
        cells = "\n".join(f"  // {cell}" for cell in design.cells)
        path.write_text(f"module {design.name}_wrapper ({ports});\n{cells}\nendmodule\n")
        if "import" in given:
            project.files.append(str(path))
        return str(path)

    # Runs

    def get_runs(self, *patterns: str) -> str:
        project = self.needed()
        known = [name for name in project.runs if not patterns or name in patterns]
        if not known:
            self.session.say(f"WARNING: [Vivado 12-821] No runs matched '{patterns}'")
        return to_tcl(known)

    def generate_target(self, *arguments: str) -> None:
        _given, rest = options(arguments, "force", "quiet")
        files = [name for group in rest[1:] for name in self.shell.words(group)]
        known = self.needed().files
        if not files or any(name not in known for name in files):
            self.session.error(f"[Common 17-55] 'generate_target': no such file: {files}")
        self._generate()

    def _generate(self) -> None:
        """Of the open block design, or of one that an earlier session has generated."""
        project = self.needed()
        if self.design.open is None and project.size:
            return
        project.size = self.design.needed().size()
        project.clock_mhz = self.design.clock_mhz()
        runs.write_hand_off(self, project)

    def reset_run(self, *names: str) -> None:
        project = self.needed()
        for name in [name for group in names for name in self.shell.words(group)]:
            if name not in project.runs:
                self.session.error(f"[Vivado 12-821] No runs matched '{name}'")
            run = project.runs[name]
            run.progress, run.status = "0%", "Not started"
            shutil.rmtree(project.run_folder(name), ignore_errors=True)
        project.save()

    def launch_runs(self, *arguments: str) -> None:
        given, rest = options(arguments, "force", "quiet", "scripts_only")
        names = [name for group in rest for name in self.shell.words(group)]
        project = self.needed()
        for name in names:
            if name not in project.runs:
                self.session.error(f"[Vivado 12-821] No runs matched '{name}'")
        if not project.top:
            self.session.error("[Project 1-1] No top module is set")
        for name in names:
            if project.runs[name].status == "ERROR" or project.runs[name].status == "Running":
                self.session.error(
                    f"[Common 17-69] Command failed: Run '{name}' needs to be reset before "
                    "launching. The run can be reset using the Tcl command 'reset_run'."
                )
        self._generate()
        if "impl_1" in names and project.runs["synth_1"].progress != "100%":
            names = ["synth_1", *names]
        runs.launch(self, names, given.get("to_step", ""))

    def wait_on_runs(self, *arguments: str) -> None:
        _, rest = options(arguments, "quiet")
        for group in rest:
            for name in self.shell.words(group):
                runs.wait(self, name)


def _nothing(*_: str) -> None:
    return None


def _file_type(name: str) -> str:
    return {".v": "Verilog", ".sv": "SystemVerilog", ".vhd": "VHDL", ".bd": "Block Designs"}.get(
        Path(name).suffix, "Unknown"
    )


__all__ = ["TclFailure", "Vivado", "run_vivado"]
