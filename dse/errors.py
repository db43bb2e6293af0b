"""The one exception tree of the project.

Every error a user can cause, or that a tool of ours reports, derives from :class:`DseError`.
The command line prints ``str(error)`` as one line and exits with code 2; ``--debug`` prints the
traceback instead. Anything else that escapes is a bug.

This module imports nothing, so that every room (``finn_flows``, ``reports``, ``dse``) may use it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class DseError(Exception):
    """Root of the tree: one line saying what is wrong, where, what was expected, what is valid.

    ``message`` is what is wrong. ``where`` names the file (and, if known, the ``line``).
    ``expected`` says what would have been right; ``choices`` lists every valid value.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str | Path | None = None,
        line: int | None = None,
        expected: str | None = None,
        choices: Iterable[object] | None = None,
    ) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.line = line
        self.expected = expected
        self.choices = None if choices is None else [str(choice) for choice in choices]
        super().__init__(self.__str__())

    def __str__(self) -> str:
        text = self.message
        if self.where is not None:
            place = self.where if self.line is None else f"{self.where}:{self.line}"
            text = f"{place}: {text}"
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.choices is not None:
            text += f" (choose from {', '.join(self.choices)})"
        # One line for a person, whatever a library put into its message.
        return " ".join(text.split())


class InputError(DseError):
    """A value given by the user is not one of the valid ones."""


class NetworkError(DseError):
    """A network is inconsistent, or of a form the toolkit cannot carry."""


class NetworkFileError(NetworkError):
    """A file that should hold a network (or its parameters) is damaged or of another kind."""


class CutError(DseError):
    """A cut is not legal: more than one tensor crosses it, or the split does not exist."""


class FoldingError(DseError):
    """A folding (PE, SIMD) does not divide its layer, or its file is wrong."""


class PictureError(DseError):
    """A picture cannot be read or does not fit the network."""


class StoreError(DseError):
    """The result store is unusable: locked by another sweep, unwritable, full."""


class ExecutorError(DseError):
    """Nobody builds: no scheduler, no worker that can, or they are gone."""


class BuildError(DseError):
    """One design point failed to build; the others are not affected."""


class OutputError(DseError):
    """A result could not be written; nothing half-written is left behind."""


class ReportError(DseError):
    """A tool's report is damaged, incomplete, or of a kind or form that cannot be read."""


class DeployError(DseError):
    """A deployment cannot be set up: a board, its keys, its files or its node manager."""


class PlanError(DseError):
    """No plan is within the limits: ``binding`` names those in the way.

    ``nearest``: the :class:`dse.plan.solve.Solution` that comes nearest, if any would do.
    """

    def __init__(
        self, message: str, *, binding: tuple[str, ...] = (), nearest: object | None = None
    ) -> None:
        self.binding = binding
        self.nearest = nearest
        super().__init__(message)
