"""The public functions: ``import dse`` and call them. The command line is a thin layer over these.

Networks come from :func:`load`; :func:`sweep` builds every candidate split, :func:`table` and
:func:`choose` read it; :func:`plan_network` finds the best cuts, foldings and boards; :func:`cut`
gives both parts of one split and :func:`run` runs pictures. :func:`deploy_network` runs the parts
on boards; :func:`infer` asks a service that keeps them there; :class:`dse.FardApi` runs any
application on :func:`open_boards`. Every error a caller can cause is a :class:`dse.DseError` with a
one-line message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dse.default_backends import DEFAULT_BACKENDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from dse.cut_parts import CutParts
    from dse.deploy.deploy_report import DeployResult
    from dse.deploy.infer_client import InferResult
    from dse.deploy.nodes import Nodes
    from dse.executors.interface import Executor
    from dse.picture_run import Run
    from dse.plan_result import PlanResult
    from dse.split_choice import Choice
    from dse.sweep_driver import Progress
    from dse.swept import Sweep
    from finn_flows.weights import LoadedNetwork

DEFAULT_OUT = Path("build/sweep")
DEFAULT_DEPLOY_OUT = Path("build/deploy")


def load(weights: str | None = None, *, model: str | Path | None = None) -> LoadedNetwork:
    """A network.

    ``weights``: ``digits`` (the default: CnvW2A2, shipped), ``bnn-pynq:DIRECTORY``,
    ``brevitas:FILE.pth``, ``brevitas:ARCHITECTURE:FILE.pth`` or ``FILE.npz``; ``model``: a QONNX
    file in its place. Raises InputError for another form, NetworkFileError for a damaged file.
    """
    from finn_flows.weights import load_weights

    return load_weights(weights, None if model is None else Path(model))


def sweep(
    network: LoadedNetwork | str | None = None,
    *,
    splits: Collection[int] | None = None,
    pool: Literal["before", "after", "both"] = "before",
    folding: str | None = None,
    plan: str | Path | None = None,
    device: str | None = None,
    board: str | None = None,
    board_file: str | Path | None = None,
    clock_mhz: float | None = None,
    backends: Sequence[str] = DEFAULT_BACKENDS,
    tool_hours: float | None = None,
    tool_memory_gb: float | None = None,
    out: str | Path = DEFAULT_OUT,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Build every candidate split and tabulate what it uses.

    Builds the whole network and both parts of every cut (``splits``: after these layers only), and
    writes table and figures into ``out``; what is known there already is not built again.
    ``network``: of :func:`load`, or its ``weights``. ``pool``: the side of the cut on which a
    max-pool stands. ``folding``: ``published``, ``auto``, ``auto:CYCLES`` or a JSON file.
    ``plan``: a plan.json, which says cuts, folding, device and clock in their place.
    ``device``: a part name, or ``board``: a board's (of FINN, or of the TOML file ``board_file``).
    ``clock_mhz``: by default what that file says of the board, else 100. ``backends``: what builds
    the points, each in columns of its own, the quicker ones first; ``["estimate"]`` alone takes
    seconds and no compiler, ``["vivado"]`` needs a board and the vendor's tools, of which one run
    may take ``tool_hours`` and ``tool_memory_gb`` (GiB). ``workers``: processes
    (default: cores). ``executor``: where to build, if not in processes of this machine:
    ``DaskExecutor("tcp://host:8786")`` of :mod:`dse.executors.dask_executor`. ``progress``: what is
    told of every point; silent by default.

    A point that cannot be built is a record with an error, and the others are not affected. Raises
    a DseError for an argument that is not valid or a store that cannot be used.
    """
    from dse.backend_choice import BuildTarget, choose_backends
    from dse.device_choice import choose_device
    from dse.errors import InputError
    from dse.executors.local import LocalExecutor
    from dse.folding_choice import choose_folding
    from dse.plan_use import planned_device, use_plan
    from dse.progress import SilentProgress
    from dse.space import design_points
    from dse.sweep_run import run_sweep

    chosen_executor = executor or LocalExecutor(workers)
    file = None if board_file is None else Path(board_file)
    if plan is not None:
        said = (splits, folding, device, clock_mhz)
        if pool != "before" or any(one is not None for one in said):
            raise InputError("a plan, and beside it what it says: cuts, folding, device or clock")
        device, clock_mhz = planned_device(Path(plan))
    target = BuildTarget(
        device,
        board,
        file,
        clock_mhz,
        tool_hours,
        tool_memory_gb,
        here=chosen_executor.name == "local",
    )
    # First, as it is quick: what is missing is told before anything is loaded.
    clock = target.clock()
    chosen_backends = choose_backends(backends, target)
    loaded = _loaded(network)
    chosen_device = choose_device(device, board, file)
    if plan is None:
        chosen_folding = choose_folding(folding, loaded.network, loaded.folding)
    else:
        used = use_plan(Path(plan), loaded.network)
        splits, chosen_folding = {cut.layer for cut in used.cuts}, used.folding
        pool = "both" if any(cut.pool == "after" for cut in used.cuts) else pool
    points = design_points(loaded.network, splits, pool, chosen_folding, chosen_device, clock)
    return run_sweep(
        points,
        chosen_backends,
        Path(out),
        chosen_executor,
        progress or SilentProgress(),
    )


def open_sweep(out: str | Path = DEFAULT_OUT) -> Sweep:
    """The last sweep in a folder, without building anything. InputError if there is none."""
    from dse.swept import open_sweep

    return open_sweep(Path(out))


def table(
    sweep: Sweep | str | Path = DEFAULT_OUT,
    values: Literal["percent", "used"] = "percent",
    part: Literal["first", "second", "whole"] = "first",
    pool: Literal["before", "after"] = "before",
) -> DataFrame:
    """Table I of a sweep, or of its folder: a row per split, a column per resource and source.

    Unknown is NaN; the published figures stand beside, under source ``paper``.
    """
    found = open_sweep(sweep) if isinstance(sweep, (str, Path)) else sweep
    return found.table(values, part, pool)


def choose(
    sweep: Sweep | str | Path = DEFAULT_OUT,
    by: str = "traffic",
    *,
    source: str | None = None,
    pool: Literal["before", "after", "both"] = "both",
    reserve: Mapping[str, float] | None = None,
    regions: Sequence[str] = (),
) -> Choice:
    """Where to cut, and why nowhere else, from a sweep or its folder.

    ``by``: ``traffic`` (fewest bytes over the link), ``balance`` (most even use of both boards),
    ``throughput``, or a resource such as ``bram`` (least at its fuller board); docs/choosing.md
    says how each judges. ``source``: whose numbers; None takes the best that the table has.
    ``reserve``: counts by resource that each board keeps for its shell. ``regions``: what else
    might go onto the boards, such as ``"filter:lut=8000,bram=20"`` or a TOML file.

    Raises InputError for an unknown rule or source, a rule about what the source does not count,
    or where no cut fits.
    """
    from dse.resource_counts import parse_regions
    from dse.split_choice import choose_split

    found = open_sweep(sweep) if isinstance(sweep, (str, Path)) else sweep
    return choose_split(
        found.records,
        by,
        source=source,
        pool=pool,
        reserve=reserve,
        regions=parse_regions(regions),
    )


def plan_network(
    network: LoadedNetwork | str | None = None,
    *,
    model: str | Path | None = None,
    objective: str = "throughput",
    pareto: Sequence[str] = (),
    boards: str | Path | None = None,
    board_names: Sequence[str] = (),
    clock_mhz: float | None = None,
    any_order: bool = False,
    fps: float | None = None,
    batch: int = 20,
    max_latency: float | None = None,
    max_bytes: int | None = None,
    max_boards: int | None = None,
    usable: Mapping[str, float] | None = None,
    reserve: Mapping[str, float] | None = None,
    use_all: bool | None = None,
    replicas: int = 1,
    splits: Collection[int] = (),
    link_bits_per_second: float | None = None,
    links: str | Path | None = None,
    folding: str | None = None,
    source: str | None = None,
    sweep: str | Path = DEFAULT_OUT,
    explained: bool = True,
) -> PlanResult:
    """The best cuts, foldings and boards, proved and explained (docs/planning.md).

    ``network``: of :func:`load`, or its ``weights``; ``model``: in its place a QONNX file of any
    graph, or the name of one of the larger networks. ``objective``: ``throughput``, ``latency``,
    ``batch`` (of so many images), ``boards``, ``traffic``, ``balance`` or ``scarcest``; ``pareto``:
    two or three of them to be traded off. ``board_names``: boards of FINN, two PYNQ-Z1 by default;
    or of the file ``boards``. ``usable``: greatest share of each resource, ``reserve``: counts kept
    for the shell. ``use_all``: every board, by default for ``traffic``, ``balance`` and
    ``scarcest``. ``splits``: cuts that must be there. ``links``: what ``dse boards measure`` found.
    ``folding``: ``free`` or as of :func:`sweep`; ``source``: whose numbers, of ``sweep`` where it
    is not ``finn-estimate``. ``explained``: with every other cut, and what more hardware would buy.

    Raises PlanError, which names the limit in the way and the nearest plan, where none is allowed;
    any other DseError for an argument that is not valid.
    """
    from dse.plan.fleet import Link
    from dse.plan_request import PlanRequest, objective_named
    from dse.plan_result import make_plan

    link = None
    if link_bits_per_second is not None:
        link = Link("as given", byte_s=8 / link_bits_per_second)
    request = PlanRequest(
        weights=network if isinstance(network, str) else None,
        network=None if isinstance(network, str) else network,
        model=None if model is None else str(model),
        boards=tuple(board_names),
        boards_file=None if boards is None else Path(boards),
        clock_mhz=clock_mhz,
        usable=dict(usable or {}),
        reserve=reserve,
        link=link,
        links=None if links is None else Path(links),
        any_order=any_order,
        objective=objective_named(objective),
        batch=batch,
        fps=fps,
        max_latency=max_latency,
        max_bytes=max_bytes,
        max_boards=max_boards,
        use_all=use_all,
        replicas=replicas,
        splits=frozenset(splits),
        folding=folding,
        source=source,
        sweep=Path(sweep),
    )
    return make_plan(request, [objective_named(name) for name in pareto], explained=explained)


def cut(
    network: LoadedNetwork | str | None, layer: int, pool: Literal["before", "after"] = "before"
) -> CutParts:
    """Both parts of the split after ``layer``. CutError, with the legal layers, for no such cut."""
    from dse.cut_parts import cut_parts
    from finn_flows.cut import Cut

    loaded = _loaded(network)
    return cut_parts(loaded.network, Cut(layer, pool))


def run(
    network: LoadedNetwork | str | None,
    pictures: Literal["digits"] | Sequence[str | Path] | NDArray[np.uint8],
    *,
    split: int | None = None,
    pool: Literal["before", "after"] = "before",
    engine: str = "onnx",
    images: int | None = None,
) -> Run:
    """Classify pictures with the network, whole or in two parts with the wire between.

    ``pictures``: picture files, uint8 pixels (images, height, width, channels), or ``"digits"``,
    the held-out digits (``images``: only the first so many). ``engine``: ``onnx``, ``integer`` or
    ``finn``. With ``split`` every image goes through the unsplit network, too, and the result says
    whether a single logit differs. Raises PictureError, CutError or InputError.
    """
    from dse.cut_choice import choose_cut
    from dse.errors import InputError
    from dse.picture_run import run_pictures

    chosen = choose_cut(split, pool)
    if images is not None and not (isinstance(pictures, str) and pictures == "digits"):
        raise InputError("images limits the held-out digits, but other pictures are given")
    loaded = _loaded(network)
    return run_pictures(loaded, pictures, chosen, engine, images)


def deploy_network(
    network: LoadedNetwork | str | None = None,
    *,
    split: int | Sequence[int] | None = None,
    parts: int | None = None,
    pool: Literal["before", "after"] = "before",
    plan: str | Path | None = None,
    engine: str | None = None,
    boards: str | Path | None = None,
    board_names: Sequence[str] = (),
    pictures: Literal["digits"] | Sequence[str | Path] = "digits",
    images: int | None = None,
    runs: int = 30,
    tls: bool = False,
    attempts: int = 2,
    watchdog: float | None = None,
    folding: str | None = None,
    sweep: str | Path = DEFAULT_OUT,
    out: str | Path = DEFAULT_DEPLOY_OUT,
) -> DeployResult:
    """Run the parts of a network on boards, as a pipeline, and measure it.

    ``split``: cut after these layers; else ``parts`` of even size; else as the plan.json ``plan``
    says, its folding, too; else where :func:`choose` says
    for the sweep in ``sweep``. ``engine``: ``onnx``, ``rtl`` or ``pynq``. ``boards``: boards.toml,
    and ``board_names`` of it; without it boards are emulated on this machine. ``images`` of
    ``pictures`` a run. ``attempts``: how often a job whose pipeline broke is tried in all;
    ``watchdog``: seconds that an image may take on a board. The
    application and the boards' logs are in ``out``; ``result.write()`` puts deploy.json and the
    timeline there.

    Raises a DseError for what is not valid, and DeployError if the job fails.
    """
    from dse.deploy.deploy_command import DeployRequest
    from dse.deploy.deploy_command import deploy_network as deploy
    from dse.deploy.deploy_progress import DeployProgress

    splits = () if split is None else (split,) if isinstance(split, int) else tuple(split)
    request = DeployRequest(
        out=Path(out),
        network=_loaded(network),
        splits=splits,
        pool=pool,
        parts=parts,
        plan=None if plan is None else Path(plan),
        engine=engine,
        boards_file=None if boards is None else Path(boards),
        board_names=tuple(board_names),
        images=images,
        runs=runs,
        inputs=(pictures,) if isinstance(pictures, str) else tuple(map(str, pictures)),
        tls=tls,
        attempts=attempts,
        watchdog=watchdog,
        folding=folding,
        sweep=Path(sweep),
    )
    return deploy(request, DeployProgress())


def infer(
    pictures: Literal["digits"] | Sequence[str | Path] | NDArray[np.uint8],
    *,
    images: int | None = None,
    out: str | Path = DEFAULT_DEPLOY_OUT,
) -> InferResult:
    """Classify pictures with the network that ``dse deploy --serve`` keeps on boards.

    ``pictures``, ``images``: as of :func:`run`. ``out``: the folder of the service. Raises
    DeployError where there is none, it ends or the job fails; PictureError or InputError.
    """
    from dse.deploy.infer_client import infer_pictures
    from dse.errors import InputError

    if images is not None and not (isinstance(pictures, str) and pictures == "digits"):
        raise InputError("images limits the held-out digits, but other pictures are given")
    return infer_pictures(pictures, Path(out), images)


def open_boards(
    count: int = 2,
    *,
    engine: str | None = None,
    boards: str | Path | None = None,
    board_names: Sequence[str] = (),
) -> Nodes:
    """``count`` boards for :class:`dse.FardApi`: of the file ``boards``, or emulated on this
    machine. A context manager: within it they are up.

    Raises InputError where there are too few, DeployError for a damaged file.
    """
    from dse.deploy.deploy_plan import choose_deploy_boards
    from dse.deploy.key_files import client_keys
    from dse.deploy.nodes import Nodes

    keys = client_keys()
    file = None if boards is None else Path(boards)
    chosen, _ = choose_deploy_boards(file, board_names, count, engine, keys)
    return Nodes(chosen, keys)


def _loaded(network: LoadedNetwork | str | None) -> LoadedNetwork:
    return load(network) if network is None or isinstance(network, str) else network
