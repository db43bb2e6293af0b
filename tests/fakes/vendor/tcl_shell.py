"""A Tcl interpreter in which every command of the vendor's goes to Python."""

from __future__ import annotations

import tkinter
from collections.abc import Callable
from pathlib import Path

from session import Session, TclFailure, ToolStop

#: What Tcl does not know goes to Python, which gives back a code and a value. ``exit`` ends the
#: tool rather than Tcl, so that what the tool has to write is written.
_PROLOGUE = """
rename unknown tcl_unknown
fconfigure stdout -buffering line
proc unknown {name args} {
    set answer [::fake_command $name {*}$args]
    if {[lindex $answer 0]} { return -code error [lindex $answer 1] }
    return [lindex $answer 1]
}
proc exit {{code 0}} { unknown exit $code }
"""
Command = Callable[..., object]


class TclShell:
    """Runs scripts; ``commands``: functions of the vendor's commands by name, given strings."""

    def __init__(self, session: Session, commands: dict[str, Command]) -> None:
        self.session = session
        self.commands = commands
        self._interpreter = tkinter.Tcl()
        self._stop: ToolStop | None = None
        self._interpreter.createcommand("fake_command", self._dispatch)
        self._interpreter.eval(_PROLOGUE)

    def words(self, text: str) -> list[str]:
        """The elements of a Tcl list."""
        return [str(word) for word in self._interpreter.splitlist(text)]

    def set(self, name: str, value: object) -> None:
        self._interpreter.setvar(name, to_tcl(value))

    def run(self, script: Path) -> None:
        """Source ``script``. TclFailure with Tcl's message where it fails; ToolStop at its end."""
        try:
            self._interpreter.eval(f"source {{{script}}}")
        except tkinter.TclError as error:
            if self._stop is not None:
                raise self._stop from None
            trace = str(self._interpreter.getvar("errorInfo"))
            raise TclFailure(trace or str(error)) from error
        if self._stop is not None:
            raise self._stop

    def _dispatch(self, name: str, *arguments: str) -> str:
        if self._stop is not None:
            return to_tcl([1, "the tool has ended"])
        command = self.commands.get(name)
        session = self.session
        session.record("command", command=[name, *map(str, arguments)])
        if command is None:
            return to_tcl([1, f'invalid command name "{name}"'])
        try:
            value = command(*map(str, arguments))
        except TclFailure as failure:
            return to_tcl([1, str(failure)])
        except ToolStop as stop:
            self._stop = stop
            return to_tcl([1, "the tool has ended"])
        except OSError as error:
            session.say(f"ERROR: [Common 17-49] {error.strerror}: '{error.filename}'")
            return to_tcl([1, str(error)])
        except TypeError as error:
            if "argument" not in str(error):
                raise
            session.say(f"ERROR: [Common 17-170] Unknown option in '{name} {' '.join(arguments)}'")
            return to_tcl([1, f"{name}: {error}"])
        return to_tcl([0, "" if value is None else value])


def to_tcl(value: object) -> str:
    """A value as Tcl has it: a list for a list, words as they are."""
    if isinstance(value, (list, tuple)):
        return tkinter._join(value) if value else ""  # type: ignore[attr-defined]
    return str(value)


def options(arguments: tuple[str, ...], *flags: str) -> tuple[dict[str, str], list[str]]:
    """``-name value`` pairs, ``flags`` without a value among them, and the rest."""
    given: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word.startswith("-") and not word[1:2].isdigit() and len(word) > 1:
            name = word[1:]
            given[name] = "1" if name in flags else next(words, "")
        else:
            rest.append(word)
    return given, rest
