"""Which stage of its work a tool is at, by the lines of its log (those of UG901, UG904, UG1399)."""

from __future__ import annotations

import re
from collections.abc import Callable

_PHASE = re.compile(r"^(?:\[[\d:]+\] )?Phase (\d+(?:\.\d+)*) ([^|]+?)\s*$")
_STAGES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # Vivado: synthesis
        (r"^Starting synth_design", lambda _: "synthesis"),
        (
            r"^Start ((?:RTL|Part|Cross|Applying|Timing|Technology|IO|Flattening|Final|Renaming|"
            r"Rebuilding|Handling|Writing|Area|Preparing|Loading|ROM|Generate)\b.*?)\s*$",
            lambda found: f"synthesis: {_plain(found[1])}",
        ),
        # Vivado: implementation
        (r"^Starting Placer Task", lambda _: "placement"),
        (r"^Starting Routing Task", lambda _: "routing"),
        (r"^Starting ([A-Z][\w /-]+?) Task", lambda found: _plain(found[1])),
        (r"^Command: (?:write_bitstream)|^Creating bitstream", lambda _: "bitstream"),
        (r"^Command: (\w+)", lambda found: found[1]),
        # Vivado: a script that it echoes, and the runs that it launches
        (
            r"^# (create_project|create_bd_design|validate_bd_design|make_wrapper|launch_runs|"
            r"wait_on_run|open_run|open_project|report_\w+|ipx::package_project|write_checkpoint)\b",
            lambda found: found[1],
        ),
        (r"^\[.*\] Launched (.+?)\.\.\.", lambda found: f"launched {found[1]}"),
        (r"^\[.*\] Waiting for (\S+) to finish", lambda found: f"waiting for {found[1]}"),
        # HLS
        (r"\[HLS 200-10\] Analyzing design file", lambda _: "analysis"),
        (r"\[HLS 200-10\] -- Implementing module '([^']+)'", lambda found: f"csynth {found[1]}"),
        (r"\[HLS 200-10\] -- Generating RTL for module '([^']+)'", lambda found: f"RTL {found[1]}"),
        (
            r"\[HLS 200-10\] Starting (?:hardware synthesis|code transformations)",
            lambda _: "csynth",
        ),
        (r"\[SIM 2[\d-]+\] \**\s*CSIM start", lambda _: "C simulation"),
        (r"\[COSIM 2[\d-]+\] Starting C/RTL cosimulation", lambda _: "cosimulation"),
        (r"\[IMPL 213-8\] Exporting RTL", lambda _: "export"),
        # v++
        (r"Run \w+: Step (\S+): Started", lambda found: found[1]),
        (r"^\[[\d:]+\] Starting (logic \w+|bitstream generation)", lambda found: found[1]),
    )
)


class StageWords:
    """The stage that the lines of one log show, the last one said."""

    def __init__(self) -> None:
        self.stage: str | None = None
        self._task = ""

    def take(self, line: str) -> None:
        """``line`` comes next in the log."""
        phase = _PHASE.match(line)
        if phase:
            self.stage = f"{self._task}phase {phase[1]} {_plain(phase[2])}"
            return
        for pattern, words in _STAGES:
            found = pattern.search(line)
            if found:
                self.stage = words(found)
                self._task = f"{self.stage}: "
                return


def _plain(words: str) -> str:
    """As it stands in a sentence: ``Technology Mapping`` is ``technology mapping``, RTL stays."""
    return " ".join(
        word if word.isupper() or not word.istitle() else word.lower() for word in words.split()
    )
