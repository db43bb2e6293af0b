"""The contract between the sweep driver and a build backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from finn_flows.cut import Cut, split_network
from finn_flows.folding import Folding
from finn_flows.network import Network
from reports.sweep_record import Implementation, LayerRecord, PartName
from reports.utilization import Source, Utilization


@dataclass(frozen=True)
class Part:
    """One piece of a network to build: what a backend is given.

    ``whole`` is the complete network; ``cut`` is None exactly when ``name`` is ``whole``.
    ``folding`` is that of the complete network. ``device`` is a part name such as
    ``xc7z020clg400-1``. Pickles, so that a worker process can build it.
    """

    whole: Network
    name: PartName
    cut: Cut | None
    folding: Folding
    device: str
    clock_mhz: float

    @cached_property
    def network(self) -> Network:
        """The layers of this part alone, still carrying their numbers in the whole network."""
        if self.cut is None:
            return self.whole
        return split_network(self.whole, self.cut)[0 if self.name is PartName.FIRST else 1]

    def __str__(self) -> str:
        return "whole network" if self.cut is None else f"{self.cut}, {self.name.value} part"

    def key(self, backend: Backend, tools: Mapping[str, str] | None = None) -> str:
        """Content address of the result of building this part: sha256 over all that decides it.

        The clock counts only with a backend whose numbers depend on it. ``tools``: the backend's
        tool versions where it builds, if that is not here.
        """
        facts = {
            "network": self.whole.sha256,
            "part": self.name.value,
            "cut": None if self.cut is None else [self.cut.layer, self.cut.pool],
            "folding": self.folding.sha256,
            "device": self.device,
            "clock_mhz": self.clock_mhz if backend.depends_on_clock else None,
            "backend": backend.name,
            "tools": backend.tool_versions() if tools is None else dict(tools),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class BuildResult:
    """What a backend found out about a part.

    ``cycles``: per image in steady state, the slowest node's (``slowest``). ``latency_cycles``: of
    one image alone through the part, from its first word taken to its last word given, None if
    unknown. ``cycles_measured``: whether both were counted in a cycle-accurate simulation of this
    very part; False: they are what a model says. ``artefacts``: files it left in the output
    directory, by role. ``utilization`` is None only for a part without layers. ``source``: the
    provenance of this very result where it is not the backend's (a design that cannot be placed has
    counts of synthesis only). ``synthesised``: counts after synthesis of a design that was placed,
    whose own record stands beside that of this result. ``implementation``: what the vendor's tools
    say beside counts.
    """

    utilization: Utilization | None
    cycles: int | None
    slowest: str | None
    layers: tuple[LayerRecord, ...]
    artefacts: dict[str, Path] = field(default_factory=dict)
    cycles_measured: bool = False
    latency_cycles: int | None = None
    source: Source | None = None
    synthesised: Utilization | None = None
    implementation: Implementation | None = None


class Backend(Protocol):
    """A way of building a part. Construction is cheap and imports no tool.

    ``name`` is the name on the command line; ``source`` the provenance of its numbers.
    ``depends_on_clock``: whether the result of a part can change with its ``clock_mhz``; where it
    cannot, a part built for one clock is known for every other.
    """

    name: str
    source: Source
    depends_on_clock: bool

    def tool_versions(self) -> dict[str, str]:
        """Name and version of everything that can change the numbers (quick: no heavy import)."""
        ...

    def build(self, part: Part, directory: Path) -> BuildResult:
        """Build ``part``, leaving artefacts in the existing, empty ``directory``.

        Raises BuildError, naming the layer, if this part cannot be built.
        """
        ...


@dataclass(frozen=True)
class SharedStep:
    """Work that several parts need, done once and before them: the synthesis of a layer, say.

    ``name``: in words, as a person reads it while it runs and when it fails: ``layer conv1``.
    ``key``: content address, a sha256 in hexadecimal over all that decides the outcome, another for
    every step. ``function(*arguments)`` does the work in a worker process: a function of a module
    and arguments that pickle. It leaves its result in a cache of the backend's own, where ``build``
    finds it, returns nothing that anybody looks at, and returns at once where the result is there
    already. It raises BuildError where the work cannot be done. It may be killed at any moment, and
    may meet itself in the process of another sweep: the cache must stay whole.
    ``needed_by``: positions, in the points that ``shared_steps`` was given, of those that need it.
    """

    name: str
    key: str
    function: Callable[..., object]
    arguments: tuple[Any, ...]
    needed_by: frozenset[int]


@runtime_checkable
class StepSharingBackend(Backend, Protocol):
    """A backend whose parts have work in common. Others simply have no such method.

    The sweep driver asks once, for the points that are not known yet, in a worker process, and only
    if there are any. It starts the steps in the order given (so the longest should come first),
    then each point as soon as all its steps are done. A step that fails, or whose worker dies, is
    not tried again in this sweep: the points that need it fail with its error, unbuilt, and no
    others.
    """

    def shared_steps(self, points: Sequence[Part]) -> Sequence[SharedStep]:
        """The steps that building ``points`` needs; nothing that is part of one point only.

        ``build`` must not rely on them: where it finds no result of a step, it does that itself. A
        part that cannot be built adds no step and raises nothing here; ``build`` says why. If this
        raises all the same, the points are built without shared steps.
        """
        ...
