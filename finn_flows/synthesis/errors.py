"""What can go wrong in a synthesis, each its own class so that a caller may tell them apart.

A disk failure (no space, read-only) is no class of its own: it is the OSError of the system,
alone or as the cause of a StoreError, so that a sweep sees that further points would meet it too.
"""

from __future__ import annotations

from dse.errors import BuildError


class SynthesisError(BuildError):
    """Yosys ended without a netlist that can be counted; the others are kinds of this one."""


class SourceError(SynthesisError):
    """The sources cannot be read: a syntax error, an unknown module, a missing memory file."""


class SynthesisCrash(SynthesisError):
    """The process of Yosys was ended by a signal that was not ours."""


class SynthesisTimeout(SynthesisError):
    """The time limit was reached."""


class SynthesisOutOfMemory(SynthesisError):
    """The memory limit was reached, or the system had no more to give."""


class NetlistError(SynthesisError):
    """The netlist holds a cell that no table knows, or a loop of logic without a register."""
