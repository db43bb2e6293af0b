"""Commands of the fake ``vivado`` that open a design and write reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import report_texts
import runs
from report_texts import Subject
from tcl_shell import Command, options

if TYPE_CHECKING:
    from vivado_tool import Vivado


class ReportCommands:
    """The run that is open."""

    def __init__(self, vivado: Vivado) -> None:
        self.vivado = vivado
        self.session = vivado.session
        self.opened: str | None = None

    def commands(self) -> dict[str, Command]:
        return {
            "open_run": self.open_run,
            "current_design": lambda *_: self.opened or "",
            "get_ports": lambda *names: names[-1] if names else "",
            "create_clock": lambda *_: None,
            "report_utilization": self.report_utilization,
            "report_timing_summary": lambda *rest: self._write("timing", report_texts.timing, rest),
            "report_power": lambda *rest: self._write("power", report_texts.power, rest),
            "write_bitstream": self.write_bitstream,
            "write_checkpoint": self._write_file,
            "write_verilog": self._write_file,
            "write_xdc": self._write_file,
        }

    def open_run(self, *arguments: str) -> str:
        _, rest = options(arguments, "quiet")
        project = self.vivado.needed()
        run = project.runs.get(rest[0])
        if run is None:
            self.session.error(f"[Vivado 12-821] No runs matched '{rest[0]}'")
        if run.progress != "100%":
            self.session.error(
                f"[Common 17-69] Command failed: Run '{run.name}' failed. Unable to open"
            )
        self.opened = run.name
        self.session.say(f"open_run: Time (s): cpu = 00:00:10 ; elapsed = 00:00:08 of {run.name}")
        return run.name

    def write_bitstream(self, *arguments: str) -> None:
        _, rest = options(arguments, "force")
        if self.opened is None or not self.opened.startswith("impl"):
            self.session.error("[Common 17-53] User Exception: No open implemented design.")
        self.session.say(f"Command: write_bitstream {' '.join(arguments)}")
        self.session.step("bitstream", 20)
        if not self.session.spoil("missing_output"):
            project = self.vivado.needed()
            Path(rest[0]).write_bytes(runs.bitstream_of(project))
        self.session.say("Bitgen Completed Successfully.")

    def report_utilization(self, *arguments: str) -> None:
        flags = ("hierarchical",)
        given, _ = options(arguments, *flags)
        if given.get("format") == "xml":
            path = Path(given["file"])
            path.write_text('<?xml version="1.0"?>\n<RptDoc title="Utilization"></RptDoc>\n')
        elif "hierarchical" in given:
            self._write("utilization_hierarchical", report_texts.hierarchy, arguments)
        else:
            self._write("utilization", report_texts.utilization, arguments)

    def _write(
        self, kind: str, text: Callable[[Subject, str], str], arguments: tuple[str, ...]
    ) -> None:
        given, _ = options(arguments, "hierarchical", "quiet", "no_header", "warn_on_violation")
        if self.opened is None:
            self.session.error("[Common 17-53] User Exception: No open design.")
        if "file" not in given:
            self.session.error(f"the fake writes reports to files only: {arguments}")
        session, project = self.session, self.vivado.needed()
        session.step("report")
        state = "Synthesized" if self.opened.startswith("synth") else "Routed"
        wns = float(project.properties.get("fake_wns", "0.437"))
        subject = runs.subject_of(project, session.version, state, wns)
        other = session.spoil("other_design")
        if other:
            subject = replace(subject, design=other.get("design", "somebody_elses"))
        other = session.spoil("other_device")
        if other:
            subject = replace(subject, part=other.get("part", "xc7z010clg400-1"))
        other = session.spoil("other_clock")
        if other:
            subject = replace(subject, clock_mhz=other["mhz"])
        name = "report_utilization" if kind.startswith("util") else f"report_{kind}"
        name = "report_timing_summary" if kind == "timing" else name
        content = text(subject, f"{name} {' '.join(arguments)}")
        cut = session.spoil("truncated_report")
        if cut:
            content = content[: int(len(content) * float(cut.get("share", 0.6)))]
        if session.spoil("missing_report"):
            return
        Path(given["file"]).write_text(content)

    def _write_file(self, *arguments: str) -> None:
        _given, rest = options(arguments, "force")
        Path(rest[-1]).write_text(f"written by {self.session.tool}\n")
