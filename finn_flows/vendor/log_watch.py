"""A tool's log and those of the runs that it launches, read while they grow."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path

from finn_flows.vendor import messages
from finn_flows.vendor.failure import Excess, FailureKind
from finn_flows.vendor.log_reader import LogReader
from finn_flows.vendor.stages import StageWords

#: ``Run output will be captured here: /…/synth_1/runme.log``, or one run a line.
_RUN_LOG = re.compile(r"(?:^|\s)(/.*?/([^/]+)/runme\.log)\s*$")
_TAIL_LINES = 20
#: What Tcl prints below the message of an error that nothing caught.
_TCL_TRACE = "    while executing"
_REASON_LENGTH = 300


class LogWatch:
    """What the log at ``path`` and those of launched runs have said so far."""

    def __init__(self, path: Path) -> None:
        self._main = LogReader(path)
        self._runs: dict[str, LogReader] = {}
        self._stages = StageWords()
        self._run_stages: dict[str, StageWords] = {}
        #: The first of a launched run, what ended the script, the first of the tool, what follows.
        self._first_errors: dict[str, str] = {}
        self._first_of_kind: dict[FailureKind, str] = {}
        self._excess: dict[str, Excess] = {}
        self._before = ""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.busy = False
        self.port_taken = False
        #: The stage shown last, in words; None before any was.
        self.stage: str | None = None

    def look(self, *, to_the_end: bool = False) -> None:
        """Read what came since the last look."""
        for line in self._main.lines(to_the_end=to_the_end):
            self._tail.append(line)
            self._take(line, self._stages, in_run=False)
            launched = _RUN_LOG.search(line)
            if launched:
                self._launched(launched[2], Path(launched[1]))
        self.stage = self._stages.stage or self.stage
        for name, log in self._runs.items():
            words = self._run_stages[name]
            before = words.stage
            for line in log.lines(to_the_end=to_the_end):
                self._take(line, words, in_run=True)
            if words.stage != before:
                self.stage = f"{name}: {words.stage}"

    @property
    def kind(self) -> FailureKind | None:
        """The class that the logs speak of, if the tool failed."""
        return min(self._first_of_kind, key=messages.rank_of, default=None)

    @property
    def excess(self) -> tuple[Excess, ...]:
        """Resources that are short, once each, as the tool names them."""
        return tuple(self._excess.values())

    def reason(self) -> str | None:
        """What says why: the line of the class, else the first ERROR, of a run if it has any."""
        kind = self.kind
        if kind is FailureKind.DOES_NOT_FIT and self._excess:
            return ", ".join(
                f"{excess.resource}: {excess.needed:,.10g} of {excess.available:,.10g}"
                for excess in self._excess.values()
            )
        if kind is not None:
            line = self._first_of_kind[kind]
            return _short(messages.error_text(line) or line)
        places = ("run", "script", "tool", "after")
        return next((self._first_errors[at] for at in places if at in self._first_errors), None)

    @property
    def has_only_consequences(self) -> bool:
        """Whether the logs name no cause, but do say that something failed before: as Vivado does
        of a run whose process was killed."""
        return set(self._first_errors) == {"after"}

    def last_line(self) -> str | None:
        """What was printed last, blank lines aside."""
        return next((_short(line) for line in reversed(self._tail) if line.strip()), None)

    def tail(self) -> str:
        """The last lines of the tool's own log."""
        return "\n".join(self._tail)

    def _launched(self, name: str, path: Path) -> None:
        if name not in self._runs:
            self._runs[name] = LogReader(path)
            self._run_stages[name] = StageWords()

    def _take(self, line: str, words: StageWords, *, in_run: bool) -> None:
        words.take(line)
        text = messages.error_text(line)
        place = "run" if in_run else "tool"
        if not in_run:
            if line == _TCL_TRACE:  # the line before it is what ended the script
                text, place = messages.error_text(self._before) or self._before, "script"
            self._before = line
        if text:
            place = "after" if messages.follows_from_another(text) else place
            self._first_errors.setdefault(place, _short(text))
        kind = messages.kind_of(line)
        if kind is not None:
            known = self._first_of_kind.setdefault(kind, line)
            if messages.error_text(known) is None and messages.error_text(line) is not None:
                self._first_of_kind[kind] = line  # says it better than a warning before it
        excess = messages.excess_of(line) if kind is FailureKind.DOES_NOT_FIT else None
        if excess is not None:
            self._excess.setdefault(excess.resource, excess)
        self.busy = self.busy or messages.is_busy(line)
        self.port_taken = self.port_taken or messages.is_port_taken(line)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _REASON_LENGTH else f"{words[: _REASON_LENGTH - 1]}…"
