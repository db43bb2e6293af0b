"""``dse deploy`` from the request to the result."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dse.deploy.board import Board
from dse.deploy.boards_file import BoardEntry
from dse.deploy.deploy_plan import (
    choose_cuts,
    choose_deploy_images,
    local_boards,
    named_boards,
)
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.deploy_report import DeployResult
from dse.deploy.deploy_run import run_deployed
from dse.deploy.deployment import Deployment
from dse.deploy.key_files import ClientKeys
from dse.deploy.network_application import write_network_application
from dse.deploy.nodes import Nodes
from dse.deploy.stage_folders import DEFAULT_DEVICE
from dse.errors import InputError
from dse.folding_choice import choose_folding
from finn_flows.weights import load_weights


@dataclass(frozen=True)
class DeployRequest:
    """The options of ``dse deploy``, as given; None where it was not."""

    out: Path
    weights: str | None = None
    model: Path | None = None
    splits: tuple[int, ...] = ()
    pool: Literal["before", "after"] = "before"
    parts: int | None = None
    engine: str | None = None
    boards_file: Path | None = None
    board_names: tuple[str, ...] = ()
    images: int | None = None
    runs: int = 30
    inputs: tuple[str, ...] = ()
    tls: bool = False
    attempts: int = 2
    folding: str | None = None
    sweep: Path = Path("build/sweep")


def deploy_network(request: DeployRequest, progress: DeployProgress) -> DeployResult:
    """Everything but writing the result's files. Whatever happens, no process and no file is left
    on any board; the boards' logs are in ``out``/logs.

    Raises DseError for whatever is wrong, before any board is touched where it can be known.
    """
    loaded = load_weights(request.weights, request.model)
    network = loaded.network
    folding = choose_folding(request.folding, network, loaded.folding)
    images = choose_deploy_images(network, request.inputs, request.images)
    cuts, cut_source = choose_cuts(
        network, request.splits, request.parts, request.pool, folding, request.sweep
    )
    keys = ClientKeys.new()
    boards: list[Board]
    entries: list[BoardEntry] = []
    if request.boards_file is None:
        if request.engine == "pynq":
            raise InputError("an emulated board has no FPGA", choices=["--boards FILE"])
        boards = local_boards(len(cuts) + 1, request.engine or "onnx", keys)
    else:
        boards, entries = named_boards(
            request.boards_file, request.board_names, len(cuts) + 1, request.engine, keys
        )
    engines = [board.engine for board in boards]
    progress.step("making the parts")
    application, stages = write_network_application(
        network,
        cuts,
        engines,
        request.out,
        folding=folding,
        device=next((entry.part for entry in entries if entry.part), DEFAULT_DEVICE),
        overlays={
            position: entry.bitstreams
            for position, entry in enumerate(entries)
            if entry.bitstreams is not None
        },
    )
    logs = request.out / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    progress.step("starting the boards")
    with Nodes(boards, keys) as nodes:
        try:
            with Deployment(
                application,
                nodes,
                secure=request.tls,
                attempts=request.attempts,
                on_state=progress.stage,
            ) as deployment:
                progress.runs(request.runs, len(images.names))
                runs = run_deployed(network, deployment, images, request.runs, progress.run)
        finally:
            nodes.collect(logs)
    return DeployResult(
        network=network,
        weights=loaded.description,
        folding=folding,
        stages=stages,
        boards=tuple(board.name for board in boards),
        split=cuts[0].layer if len(cuts) == 1 else None,
        cut_source=cut_source,
        runs=runs,
        out=request.out,
    )
