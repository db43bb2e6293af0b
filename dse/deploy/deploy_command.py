"""``dse deploy`` from the request to the result."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dse.classify import check_classifies
from dse.deploy.application import Application
from dse.deploy.board import Board
from dse.deploy.deploy_plan import (
    choose_cuts,
    choose_deploy_boards,
    choose_deploy_images,
    deploy_device,
    planned_names,
)
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.deploy_report import DeployResult
from dse.deploy.deploy_run import run_deployed
from dse.deploy.deployment import Deployment
from dse.deploy.folder_claim import claimed
from dse.deploy.key_files import ClientKeys, client_keys
from dse.deploy.network_application import write_network_application
from dse.deploy.node.child import Limits
from dse.deploy.node.engines import ENGINES
from dse.deploy.nodes import Nodes
from dse.deploy.pipeline_plan import PipelineOptions
from dse.deploy.service_file import check_not_served
from dse.deploy.stage_folders import DEFAULT_DEVICE, StageFolders
from dse.errors import InputError
from dse.folding_choice import choose_folding
from dse.plan_use import use_plan
from finn_flows.cut import POOL_SIDES, Cut
from finn_flows.folding import Folding
from finn_flows.weights import LoadedNetwork, load_weights

#: Images a run: their pixels are in memory, three times over.
MOST_IMAGES = 100_000
#: What an image may take in a simulation, in seconds: CnvW2A2's slowest part takes less than one.
_SIMULATION_SECONDS = 120.0


@dataclass(frozen=True)
class DeployRequest:
    """The options of ``dse deploy``, as given; None where it was not. ``network``: in place of
    ``weights`` and ``model``; ``plan``: a plan.json, in place of cuts and folding; ``keys``: the
    folder of the client's key."""

    out: Path
    network: LoadedNetwork | None = None
    weights: str | None = None
    model: Path | None = None
    splits: tuple[int, ...] = ()
    pool: Literal["before", "after"] = "before"
    parts: int | None = None
    plan: Path | None = None
    engine: str | None = None
    boards_file: Path | None = None
    board_names: tuple[str, ...] = ()
    keys: Path | None = None
    images: int | None = None
    runs: int = 30
    inputs: tuple[str, ...] = ()
    tls: bool = False
    attempts: int = 2
    watchdog: float | None = None
    folding: str | None = None
    sweep: Path = Path("build/sweep")

    def __post_init__(self) -> None:
        """InputError for a number or word that no deployment can have."""
        for name, least, most in (
            ("images", 1, MOST_IMAGES),
            ("runs", 1, MOST_IMAGES),
            ("attempts", 1, 100),
            ("parts", 1, 1000),
            ("watchdog", 0.1, 86400),
        ):
            value = getattr(self, name)
            if value is None and name not in ("runs", "attempts"):
                continue
            is_number = isinstance(value, int if name != "watchdog" else (int, float))
            if not is_number or isinstance(value, bool) or not least <= value <= most:
                raise InputError(f"{name} is {value!r}", expected=f"{least} to {most:,}")
        if self.plan is not None and (self.splits or self.parts or self.folding):
            raise InputError("a plan, and beside it what it says: splits, parts or folding")
        if self.pool not in POOL_SIDES:
            raise InputError(f"pool {self.pool!r} of the cut", choices=POOL_SIDES)
        if self.engine is not None and self.engine not in ENGINES:
            raise InputError(f"unknown engine {self.engine!r}", choices=ENGINES)


@dataclass(frozen=True, eq=False)
class PreparedDeployment:
    """What is known before any board is touched. ``boards``: not up yet; ``cut_source``: in words,
    where ``cuts`` come from; ``claim``: on ``out``, given up where :func:`deployed` ends."""

    loaded: LoadedNetwork
    folding: Folding
    cuts: tuple[Cut, ...]
    cut_source: str
    keys: ClientKeys
    boards: tuple[Board, ...]
    application: Application
    stages: StageFolders
    claim: ExitStack


def stage_limits(watchdog: float | None, boards: Sequence[Board]) -> Limits:
    """``watchdog``: seconds that an image may take on a board; None for what suits the engines. A
    simulation takes seconds for a large circuit on a slow machine, a board much less."""
    if watchdog is None:
        simulated = any(board.engine == "rtl" for board in boards)
        watchdog = _SIMULATION_SECONDS if simulated else Limits().compute
    return Limits(compute=watchdog)


def prepare_deployment(request: DeployRequest, progress: DeployProgress) -> PreparedDeployment:
    """Choose cuts and boards, and write the application into ``out``. Raises DseError for whatever
    is wrong."""
    check_not_served(request.out)
    loaded = request.network or load_weights(request.weights, request.model)
    network = loaded.network
    check_classifies(network)
    names, device = request.board_names, DEFAULT_DEVICE
    if request.plan is not None:
        plan = use_plan(request.plan, network)
        cuts, folding, device = plan.cuts, plan.folding, plan.boards[0].part
        cut_source = f"planned by {plan.file.objective.name.value} in {request.plan}"
        names = names or planned_names(plan, request.boards_file)
    else:
        folding = choose_folding(request.folding, network, loaded.folding)
        cuts, cut_source = choose_cuts(
            network, request.splits, request.parts, request.pool, folding, request.sweep
        )
    keys = client_keys(request.keys)
    boards, entries = choose_deploy_boards(
        request.boards_file, names, len(cuts) + 1, request.engine, keys
    )
    progress.step("making the parts")
    with ExitStack() as claim:
        claim.enter_context(claimed(request.out))
        application, stages = write_network_application(
            network,
            cuts,
            [board.engine for board in boards],
            request.out,
            folding=folding,
            device=deploy_device(entries, device),
            overlays={
                position: entry.bitstreams
                for position, entry in enumerate(entries)
                if entry.bitstreams is not None
            },
        )
        return PreparedDeployment(
            loaded,
            folding,
            cuts,
            cut_source,
            keys,
            tuple(boards),
            application,
            stages,
            claim.pop_all(),
        )


@contextmanager
def deployed(
    request: DeployRequest, prepared: PreparedDeployment, progress: DeployProgress
) -> Iterator[Deployment]:
    """The pipeline, up. Whatever happens within, no process and no file is left on any board; the
    boards' logs are in ``out``/logs."""
    logs = request.out / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    progress.step("starting the boards")
    with prepared.claim, Nodes(prepared.boards, prepared.keys) as nodes:
        try:
            with Deployment(
                prepared.application,
                nodes,
                secure=request.tls,
                attempts=request.attempts,
                options=PipelineOptions(limits=stage_limits(request.watchdog, nodes.boards)),
                on_state=progress.stage,
            ) as deployment:
                yield deployment
        finally:
            nodes.collect(logs)


def deploy_network(request: DeployRequest, progress: DeployProgress) -> DeployResult:
    """Everything but writing the result's files.

    Raises DseError for whatever is wrong, before any board is touched where it can be known.
    """
    if request.network is None:
        request = replace(request, network=load_weights(request.weights, request.model))
    assert request.network is not None
    images = choose_deploy_images(request.network.network, request.inputs, request.images)
    prepared = prepare_deployment(request, progress)
    network = prepared.loaded.network
    with deployed(request, prepared, progress) as deployment:
        progress.runs(request.runs, len(images.names))
        runs = run_deployed(network, deployment, images, request.runs, progress.run)
    cuts = prepared.cuts
    return DeployResult(
        network=network,
        weights=prepared.loaded.description,
        folding=prepared.folding,
        stages=prepared.stages,
        boards=tuple(board.name for board in prepared.boards),
        split=cuts[0].layer if len(cuts) == 1 else None,
        cut_source=prepared.cut_source,
        runs=runs,
        out=request.out,
    )
