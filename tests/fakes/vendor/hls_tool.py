"""The fakes ``vitis_hls``, ``vivado_hls`` and ``vitis-run``: a kernel becomes an IP block."""

from __future__ import annotations

import re
from pathlib import Path

import hls_reports
import ip
from project import is_part
from session import Session, ToolStop
from tcl_shell import Command, TclShell, options

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
_PRAGMA = re.compile(r"^\s*#pragma\s+HLS\s+INTERFACE\s+(.*)$", re.M | re.I)
#: A stream of words, or of hls::vector<word, lanes>.
_STREAM = (
    r"hls::stream\s*<\s*(?:hls::\w+\s*<)?\s*ap_u?int\s*<\s*(\d+)\s*>\s*(?:,\s*(\d+)\s*>)?"
    r"[^&]*&\s*{name}\b"
)


def run_hls(session: Session) -> None:
    """``vitis_hls [-f] <script>``, ``vivado_hls -f <script>``, ``vitis-run --mode hls --tcl …``."""
    script = _script(session)
    if not script.is_file():
        session.error(f'[HLS 200-101] couldn\'t read file "{script}": no such file or directory')
    session.say(f"****** {session.tool} v{session.version} (64-bit)")
    session.say(f"    ** Copyright 1986-{session.version[:4]} Xilinx, Inc. All Rights Reserved.\n")
    hls = Hls(session)
    session.step("start")
    session.say(f"source {script}")
    hls.shell.run(script)


def _script(session: Session) -> Path:
    words = session.arguments
    if session.tool == "vitis-run":
        if words[:3] != ["--mode", "hls", "--tcl"] or len(words) != 4:
            session.say(f"ERROR: [vitis-run 82-1] unknown arguments {words}")
            raise ToolStop(1)
        return Path(words[3])
    names = [word for word in words if word != "-f"]
    if len(names) != 1 or (session.tool == "vivado_hls" and "-f" not in words):
        session.say(f"ERROR: [HLS 200-101] unknown arguments {words}")
        raise ToolStop(1)
    return Path(names[0])


class Hls:
    """The project that is open."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.project: Path | None = None
        self.solution: Path | None = None
        self.sources: list[Path] = []
        self.folders: list[Path] = []
        self.top = self.part = ""
        self.period = 10.0
        self.block: ip.Block | None = None
        commands: dict[str, Command] = {
            name: lambda *_: None
            for name in ("set_param", "config_compile", "config_rtl", "set_clock_uncertainty")
        }
        commands |= {
            "open_project": self.open_project,
            "add_files": self.add_files,
            "set_top": self.set_top,
            "open_solution": self.open_solution,
            "set_part": self.set_part,
            "create_clock": self.create_clock,
            "config_interface": lambda *_: None,
            "config_export": lambda *_: None,
            "csim_design": self.csim_design,
            "cosim_design": lambda *_: self.needs_synthesis(),
            "csynth_design": self.csynth_design,
            "export_design": self.export_design,
            "exit": self.exit,
            "quit": self.exit,
        }
        self.shell = TclShell(session, commands)

    def exit(self, code: str = "0") -> None:
        self.session.say("INFO: [Common 17-206] Exiting")
        raise ToolStop(int(code))

    def open_project(self, *arguments: str) -> None:
        _, rest = options(arguments, "reset")
        self.project = Path(rest[0]).absolute()
        self.project.mkdir(parents=True, exist_ok=True)
        self.session.say(f"INFO: [HLS 200-10] Creating and opening project '{self.project}'.")

    def add_files(self, *arguments: str) -> None:
        given, rest = options(arguments, "tb")
        flags = given.get("cflags", "")
        self.folders += [Path(folder) for folder in re.findall(r"-I(\S+)", flags)]
        for name in [word for group in rest for word in self.shell.words(group)]:
            if not Path(name).is_file():
                self.session.error(f"[HLS 200-70] Cannot find source file {name}; skipping it.")
            if "tb" not in given:
                self.sources.append(Path(name).absolute())
            self.session.say(f"INFO: [HLS 200-10] Adding design file '{name}' to the project")

    def set_top(self, name: str) -> None:
        self.top = self.session.design = name

    def open_solution(self, *arguments: str) -> None:
        given, rest = options(arguments, "reset")
        if self.session.tool == "vivado_hls" and "flow_target" in given:
            self.session.error("[HLS 200-101] 'open_solution': Unknown option '-flow_target'.")
        if self.project is None:
            self.session.error("[HLS 200-101] 'open_solution': no project is open.")
        self.solution = self.project / rest[0]
        self.solution.mkdir(parents=True, exist_ok=True)

    def set_part(self, name: str, *_: str) -> None:
        if not is_part(name):
            self.session.error(f"[HLS 200-1023] Part '{name}' is not installed.")
        self.part = name

    def create_clock(self, *arguments: str) -> None:
        given, _ = options(arguments)
        self.period = float(given["period"])

    def text(self) -> str:
        """All source of the kernel: what it includes from beside it, too."""
        texts, seen, left = [], set(), list(self.sources)
        while left:
            path = left.pop()
            if path in seen:
                continue
            seen.add(path)
            content = path.read_text(errors="replace")
            texts.append(content)
            for name in _INCLUDE.findall(content):
                found = [folder / name for folder in (path.parent, *self.folders)]
                own = [file for file in found if file.is_file()]
                if not own and not name.startswith(("ap_", "hls_")):
                    self.session.say(f"ERROR: [HLS 207-1] {path}: '{name}' file not found")
                    self.session.error("[HLS 200-70] Synthesizability check failed.")
                # The library itself is large and no part of the kernel's own text.
                left += [file for file in own[:1] if file.parent in self._own_folders()]
        return "\n".join(texts)

    def _own_folders(self) -> set[Path]:
        return {source.parent for source in self.sources}

    def csim_design(self, *_: str) -> None:
        self.session.say("INFO: [SIM 211-2] *************** CSIM start ***************")
        self.session.say("INFO: [SIM 211-1] CSim done with 0 errors.")

    def csynth_design(self, *_: str) -> None:
        session = self.session
        if not (self.part and self.top and self.solution and self.sources):
            session.error(
                "[HLS 200-101] 'csynth_design': project, top, part or sources are missing"
            )
        for source in self.sources:
            session.say(f"INFO: [HLS 200-10] Analyzing design file '{source}' ... ")
        session.step("csynth", 60)
        text = self.text()
        if not re.search(rf"\b{re.escape(self.top)}\s*\(", text):
            session.error(
                f"[HLS 214-157] Top function not found: there is no function '{self.top}'"
            )
        session.say("INFO: [HLS 200-10] Starting hardware synthesis ...")
        session.say(f"INFO: [HLS 200-10] Synthesizing '{self.top}' ...")
        for words in ("Implementing", "Generating RTL for"):
            session.say(f"INFO: [HLS 200-10] -- {words} module '{self.top}'")
            session.take(10)
        size = ip.size_of(text)
        self.block = ip.Block(f"xilinx.com:hls:{self.top}:1.0", *_interfaces(text, self.top), size)
        folder = self.solution / "syn" / "report"
        folder.mkdir(parents=True, exist_ok=True)
        name = "other_kernel" if session.spoil("other_design") else self.top
        part = "xc7z010clg400-1" if session.spoil("other_device") else self.part
        report = hls_reports.csynth_xml(session, name, part, self.period, size)
        cut = session.spoil("truncated_report")
        if cut:
            report = report[: int(len(report) * float(cut.get("share", 0.6)))]
        (folder / f"{self.top}_csynth.xml").write_text(report)
        (folder / f"{self.top}_csynth.rpt").write_text(
            hls_reports.csynth_rpt(session, name, part, self.period, size)
        )
        (self.solution / "syn" / "verilog").mkdir(exist_ok=True)
        self._write_verilog(self.solution / "syn" / "verilog")
        session.say("INFO: [HLS 200-111] Finished Command csynth_design")

    def needs_synthesis(self) -> None:
        if self.block is None:
            self.session.error("[HLS 200-101] C synthesis has not been run")

    def export_design(self, *arguments: str) -> None:
        session = self.session
        self.needs_synthesis()
        assert self.solution is not None
        assert self.block is not None
        given, _ = options(arguments, "rtl")
        if given.get("format") != "ip_catalog":
            session.error(f"[HLS 200-101] 'export_design': Unknown format '{given.get('format')}'")
        session.say("INFO: [IMPL 213-8] Exporting RTL as a Vivado IP.")
        session.step("export", 20)
        folder = self.solution / "impl" / "ip"
        verilog = folder / "hdl" / "verilog"
        verilog.mkdir(parents=True, exist_ok=True)
        self._write_verilog(verilog)
        if not session.spoil("missing_output"):
            ip.write_component(folder / "component.xml", self.block, [f"hdl/verilog/{self.top}.v"])
            (folder / f"xilinx_com_hls_{self.top}_1_0.zip").write_bytes(b"PK\x05\x06" + b"\0" * 18)
        session.say("INFO: [HLS 200-111] Finished Command export_design")

    def _write_verilog(self, folder: Path) -> None:
        assert self.block is not None
        names = ["ap_clk", "ap_rst_n"]
        names += [f"{bus.name}_TDATA" for bus in self.block.buses if bus.kind == ip.AXIS]
        (folder / f"{self.top}.v").write_text(
            f"module {self.top} ({', '.join(names)});\nendmodule\n"
        )


def _interfaces(text: str, top: str) -> tuple[list[ip.Bus], list[ip.Port]]:
    """The interfaces that the pragmas of the kernel ask for."""
    buses: dict[str, ip.Bus] = {}
    for words in _PRAGMA.findall(text):
        given = dict(re.findall(r"(\w+)\s*=\s*(\S+)", words))
        mode, port = words.split()[0].lower(), given.get("port", "")
        if mode == "mode" or "mode" in given:
            mode = given.get("mode", mode).lower()
        if mode == "axis":
            stream = re.search(_STREAM.format(name=re.escape(port)), text)
            bits = int(stream[1]) * int(stream[2] or 1) if stream else 0
            width = -(-bits // 8) * 8 if stream else None
            direction = "Master" if port.startswith(("out", "m_")) else "Slave"
            buses[port] = ip.Bus(port, direction, ip.AXIS, width)
        elif mode == "m_axi":
            name = f"m_axi_{given.get('bundle', 'gmem')}"
            buses[name] = ip.Bus(name, "Master", ip.AXIMM, 64, "AXI4")
        elif mode == "s_axilite":
            name = f"s_axi_{given.get('bundle', 'control')}"
            buses[name] = ip.Bus(name, "Slave", ip.AXIMM, 6, "AXI4LITE")
    ports = [ip.Port("ap_clk", "I", "clk"), ip.Port("ap_rst_n", "I", "rst")]
    return list(buses.values()), ports
