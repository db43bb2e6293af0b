"""Ours: two local boards with their node managers, nothing switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.transport.contestant import Batch, RunBatch, reply
from dse.deploy.job_outcome import JobDone
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.node_control import ControlHub
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import StagePlan

_APPLICATION = Path(__file__).parent / "relay_application"


@contextmanager
def our_boards(batch: Batch) -> Iterator[RunBatch]:
    """CRC, order and credit on every hop, progress and times of every image: as deployed."""
    keys = ClientKeys.new()
    pixels = batch.pixels
    with ExitStack() as stack:
        hub = stack.enter_context(ControlHub(keys))
        plans = []
        sizes = (batch.image_bytes, *batch.output_bytes)
        for position in range(2):
            board = LocalBoard(f"board-{position}", "relay", client_key=keys.public)
            node = hub.connect(board.name, stack.enter_context(board).start())
            main = board.put(_APPLICATION, "relay") + "/relay.py"
            config = {"reply": reply(position, sizes[position + 1]).hex()}
            plans.append(StagePlan(node, main, config, sizes[position], sizes[position + 1]))
        pipeline = stack.enter_context(Pipeline(hub, plans, app="bench"))

        def run() -> NDArray[np.uint8]:
            outcome = pipeline.run(pixels)
            if not isinstance(outcome, JobDone):
                raise RuntimeError(str(outcome))
            return outcome.results

        yield run
