"""``dse plan``: what was asked for, as a problem of the planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dse.device_choice import DEFAULT_BOARD
from dse.errors import InputError, NetworkError
from dse.folding_choice import choose_folding
from dse.plan.problem import Limits, Objective, Problem
from reports.utilization import Source

if TYPE_CHECKING:
    from dse.plan.chain import Chain
    from dse.plan.fleet import Fleet, Link
    from finn_flows.folding import Folding
    from finn_flows.weights import LoadedNetwork

#: Every legal folding of each layer is tried.
FREE = "free"
#: What compares cuts, at one folding, and with every board at work.
_OF_CUTS = (Objective.TRAFFIC, Objective.BALANCE, Objective.SCARCEST)
_MOST_FPS = 1e12
_SOURCES = tuple(source.value for source in Source if source is not Source.PAPER)


@dataclass(frozen=True)
class PlanRequest:
    """The options of ``dse plan``, as given; None where it was not.

    ``model``: a QONNX file, of a chain of ours or of any graph, a network file, or the name of one
    of the larger networks; ``network``: in place of it and of ``weights``. ``links``: a file of
    ``dse boards measure``; ``link_load``: greatest share of a link's time that may be taken.
    ``boards``: names of FINN's boards, or with ``boards_file`` of those in it. ``usable``: greatest
    share of each resource, ``reserve``: counts kept for the shell. ``fps`` is images per second at
    least; times in seconds; ``max_bytes``: per image, over all links. ``splits``: cuts that must be
    there. ``cut_residual``: branches of a graph may be cut, too.
    ``folding``: ``free`` or what choose_folding takes.
    """

    weights: str | None = None
    model: str | None = None
    network: LoadedNetwork | None = None
    boards: tuple[str, ...] = ()
    boards_file: Path | None = None
    board_file: Path | None = None
    clock_mhz: float | None = None
    usable: Mapping[str, float] = field(default_factory=dict)
    reserve: Mapping[str, float] | None = None
    link: Link | None = None
    links: Path | None = None
    link_load: float | None = None
    any_order: bool = False
    objective: Objective = Objective.THROUGHPUT
    batch: int = 20
    fps: float | None = None
    max_latency: float | None = None
    max_batch: float | None = None
    max_bytes: int | None = None
    max_boards: int | None = None
    use_all: bool | None = None
    replicas: int = 1
    splits: frozenset[int] = frozenset()
    cut_residual: bool = False
    folding: str | None = None
    source: str | None = None
    sweep: Path = Path("build/sweep")

    def __post_init__(self) -> None:
        """InputError for what contradicts itself."""
        if self.fps is not None and not 0 < self.fps <= _MOST_FPS:
            expected = f"above 0, at most {_MOST_FPS:g}"
            raise InputError(f"{self.fps!r} images per second", expected=expected)
        if self.source is not None and self.source not in _SOURCES:
            raise InputError(f"unknown source {self.source!r}", choices=_SOURCES)
        if self.use_all and self.max_boards is not None:
            raise InputError(
                f"every board is to be used, and at most {self.max_boards}",
                expected="one of --use-all and --max-boards",
            )
        if self.link is not None and self.links is not None:
            raise InputError("the links are given, and a file of links measured", expected="one")
        if self.weights is not None and self.model is not None:
            raise InputError("--weights and a model both name a network", expected="one of them")
        if self.boards_file is not None and self.board_file is not None:
            raise InputError("--boards and --board-file both say which boards", expected="one")

    @property
    def counts_from(self) -> Source:
        """Whose numbers are planned with."""
        return Source.FINN_ESTIMATE if self.source is None else Source(self.source)

    @property
    def fixed_folding(self) -> str | None:
        """The folding as choose_folding takes it (None: its default); :data:`FREE` for any."""
        if self.folding is not None:
            return self.folding
        of_cuts = self.objective in _OF_CUTS or self.counts_from is not Source.FINN_ESTIMATE
        return None if of_cuts else FREE


@dataclass(frozen=True)
class PlanSubject:
    """What is planned. ``folding``: the one that is fixed; None: any. ``paper_split``: where the
    paper cuts this network; None for another."""

    chain: Chain
    folding: Folding | None
    paper_split: int | None = None


def objective_named(name: str) -> Objective:
    """InputError, with the choices, for an unknown one."""
    try:
        return Objective(name)
    except ValueError as error:
        choices = [objective.value for objective in Objective]
        raise InputError(f"unknown objective {name!r}", choices=choices) from error


def plan_fleet(request: PlanRequest) -> Fleet:
    """The boards asked for; two PYNQ-Z1 by default. Raises as :mod:`dse.plan_fleet`."""
    from dse.plan_links import read_links, with_links

    boards = _boards(request)
    if request.links is not None:
        boards = with_links(boards, read_links(request.links))
    if request.link_load is None:
        return boards
    if not 0 < request.link_load <= 1:
        raise InputError(f"a load of links of {request.link_load:g}", expected="above 0, at most 1")
    links = tuple(replace(link, usable=request.link_load) for link in boards.links)
    return replace(boards, links=links, host=replace(boards.host, usable=request.link_load))


def _boards(request: PlanRequest) -> Fleet:
    from dse.plan_fleet import fleet, fleet_from_file

    usable = dict(request.usable) or None
    if request.boards_file is not None:
        return fleet_from_file(
            request.boards_file,
            request.boards,
            clock_mhz=request.clock_mhz,
            reserve=request.reserve,
            usable=usable,
            link=request.link,
            host=request.link,
            any_order=request.any_order,
        )
    return fleet(
        request.boards or (DEFAULT_BOARD, DEFAULT_BOARD),
        clock_mhz=request.clock_mhz,
        reserve=request.reserve,
        usable=usable,
        link=request.link,
        host=request.link,
        any_order=request.any_order,
        board_file=request.board_file,
    )


def plan_subject(request: PlanRequest, device: str) -> PlanSubject:
    """The network as a chain, its counts those of ``device``.

    Raises NetworkError for a graph that cannot be planned (a cycle, several inputs), InputError for
    numbers that the source does not have.
    """
    from dse.plan_chains import estimated_chain
    from finn_flows.larger_networks import LARGER_NETWORKS
    from finn_flows.published_network import PAPER_SPLIT, is_cnv_w2a2

    if request.weights in LARGER_NETWORKS:
        request = replace(request, model=request.weights, weights=None)
    wanted, estimated = request.fixed_folding, request.counts_from is Source.FINN_ESTIMATE
    if request.model is not None and wanted == FREE and estimated:
        # The network itself is not needed, and loading a large one takes seconds.
        return PlanSubject(_graph_chain(request, device), None)
    loaded = request.network or _loaded(request)
    if loaded is None:
        return PlanSubject(_graph_chain(request, device), None)
    folding = None if wanted == FREE else _chosen_folding(wanted, loaded)
    paper_split = PAPER_SPLIT if is_cnv_w2a2(loaded.network) else None
    source = request.counts_from
    if source is Source.FINN_ESTIMATE:
        return PlanSubject(estimated_chain(loaded.network, device, folding), folding, paper_split)
    if folding is None:
        raise InputError(
            f"{source.value} has counts of the folding that was swept, and of no other",
            expected=f"--folding published, auto or FILE, not {FREE}",
        )
    from dse.plan_swept import swept_chain

    chain = swept_chain(request.sweep, loaded.network, source.value, folding)
    return PlanSubject(chain, folding, paper_split)


def plan_problem(request: PlanRequest, chain: Chain, fleet: Fleet) -> Problem:
    """What is asked of the plan. InputError for a cut that the network does not have."""
    of_cuts = request.objective in _OF_CUTS and request.max_boards is None
    return Problem(
        chain,
        fleet,
        Limits(
            interval=None if request.fps is None else 1 / request.fps,
            latency=request.max_latency,
            batch=request.max_batch,
            boards=request.max_boards,
            traffic=request.max_bytes,
        ),
        batch=request.batch,
        use_all=of_cuts if request.use_all is None else request.use_all,
        most_replicas=request.replicas,
        must_cut=_positions(chain, request.splits),
    )


def _chosen_folding(wanted: str | None, loaded: LoadedNetwork) -> Folding:
    try:
        return choose_folding(wanted, loaded.network, loaded.folding)
    except InputError as error:
        if error.choices is not None:
            raise InputError(error.message, choices=[FREE, *error.choices]) from error
        raise


def _positions(chain: Chain, splits: frozenset[int]) -> frozenset[int]:
    by_split = {
        boundary.split: position
        for position, boundary in enumerate(chain.boundaries, start=1)
        if boundary.split is not None and position in chain.cuts
    }
    for split in sorted(splits):
        if split not in by_split:
            raise InputError(f"{chain.network} has no split {split}", choices=by_split)
    return frozenset(by_split[split] for split in splits)


def _loaded(request: PlanRequest) -> LoadedNetwork | None:
    """None for a model that is no chain of ours."""
    from finn_flows.larger_networks import LARGER_NETWORKS, larger_network_file
    from finn_flows.weights import load_weights

    model = request.model
    if model is None:
        return load_weights(request.weights)
    if model.endswith(".npz"):
        return load_weights(model)
    known = model in LARGER_NETWORKS
    if not known and not model.endswith(".onnx"):
        raise InputError(
            f"no network is called {model!r}", choices=[*LARGER_NETWORKS, "FILE.onnx", "FILE.npz"]
        )
    path = larger_network_file(model) if known else Path(model)
    try:
        return load_weights(None, path)
    except NetworkError:
        if not path.is_file():
            raise
        return None


def _graph_chain(request: PlanRequest, device: str) -> Chain:
    from dse.plan_networks import planning_chain

    assert request.model is not None
    # First, as it says what is wrong with a graph that nobody could plan.
    chain = planning_chain(request.model, device, cut_residual=request.cut_residual)
    for name, given in (("--folding", request.folding), ("--source", request.source)):
        if given not in (None, FREE, Source.FINN_ESTIMATE.value):
            raise InputError(
                f"{name} {given} is for a chain of layers, and {request.model} is another graph"
            )
    return chain
