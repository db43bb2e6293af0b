"""Two stages that compute, on two local boards: against the slower one alone, and the unsplit."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.deploy.deployment import Deployment
from dse.deploy.job_outcome import JobDone
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.network_application import write_network_application
from dse.deploy.node.engines import make_engine
from dse.deploy.node.engines.interface import Engine
from dse.deploy.node.stage_files import read_stage
from dse.deploy.nodes import Nodes
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from finn_flows.cut import Cut, CutTensor
from finn_flows.digits import load_digits_split
from finn_flows.network import Network
from finn_flows.weights import load_weights

ENGINE = "onnx"
#: The paper's.
PUBLISHED_CUT = Cut(5)
#: What the steady state over the slower stage alone may be at most.
TARGET = 1.05
#: The pipeline fills, and the scheduler settles, while one in so many of a job's images passes.
_FILLING = 10
_RUN = 20
#: How often a cut is timed to choose one.
_TRIES = 5


@dataclass(frozen=True)
class ComputingPipeline:
    """Two stages, a core each. All times in seconds for an image, medians over rounds.

    ``alone``: of each stage's computation, in one process, with nothing else; ``interval``: from
    one result at the client to the next in the steady state; ``unsplit``: the whole
    network in one process on one core. ``ratio``: interval over the slower stage alone, and
    ``speedup``: unsplit over interval, medians over rounds of that round's; ``least``, ``most``:
    the ratio of any round.
    """

    cut: Cut
    images: int
    alone: tuple[float, float]
    interval: float
    unsplit: float
    ratio: float
    least: float
    most: float
    speedup: float

    @property
    def is_met(self) -> bool:
        """Whether the ratio keeps to TARGET."""
        return self.ratio <= TARGET


def pipeline_compute(
    *, images: int = 400, rounds: int = 9, seed: int = 0
) -> list[ComputingPipeline]:
    """The digits network, at the published cut and at the one whose stages are most alike in time.

    AssertionError where the pipeline's results are not the unsplit network's.
    """
    network = load_weights("digits").network
    chunks = _chunks(network, images)
    cuts = [PUBLISHED_CUT]
    balanced = _balanced_cut(network, chunks[: max(10, images // 10)])
    if balanced not in cuts:
        cuts.append(balanced)
    return [_measured(network, cut, chunks, rounds, seed) for cut in cuts]


def _chunks(network: Network, images: int) -> NDArray[np.uint8]:
    pixels, _ = load_digits_split("test")
    some = network.encode_pixels(pixels[np.arange(images) % len(pixels)])
    words = CutTensor(network.input_shape, network.input_type).pack(some)
    return np.ascontiguousarray(words).view(np.uint8).reshape(images, -1)


def _balanced_cut(network: Network, chunks: NDArray[np.uint8]) -> Cut:
    """Of all splits the one whose slower stage is the quickest."""
    slower = {}
    layers = [number for number, _ in network.numbered()]
    with tempfile.TemporaryDirectory() as scratch:
        for layer in layers[:-1]:
            cut = Cut(layer)
            folders = write_stage_folders(network, [cut], [ENGINE] * 2, Path(scratch) / str(layer))
            with _engines(folders) as (first, second):
                between = _computed(first, chunks)
                _computed(second, between)
                # The least of several: what else runs can only add to it.
                slower[layer] = max(
                    min(_seconds(first, chunks) for _ in range(_TRIES)),
                    min(_seconds(second, between) for _ in range(_TRIES)),
                )
    return Cut(min(slower, key=lambda layer: slower[layer]))


@contextmanager
def _engines(folders: StageFolders) -> Iterator[list[Engine]]:
    """Of every stage, loaded here as on a board."""
    with ExitStack() as stack:
        engines = []
        for position, folder in enumerate(folders.folders):
            stage = read_stage(folder, position, folders.manifest_sha256)
            engine = make_engine(stage["engine"])
            engine.load(folder, stage)
            stack.callback(engine.close)
            engines.append(engine)
        yield engines


def _computed(engine: Engine, chunks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (images, bytes of an image) to the same of what comes out."""
    results = [np.frombuffer(engine.compute(chunk.data), np.uint8) for chunk in chunks]
    return np.stack(results)


def _seconds(engine: Engine, chunks: NDArray[np.uint8]) -> float:
    """For an image."""
    finished = []
    for chunk in chunks:
        engine.compute(chunk.data)
        finished.append(time.monotonic_ns())
    return _typical_seconds(np.array(finished))


def _interval(deployment: Deployment, chunks: NDArray[np.uint8]) -> float:
    outcome = deployment.run(chunks)
    if not isinstance(outcome, JobDone):
        raise RuntimeError(str(outcome))
    return _typical_seconds(outcome.received_ns)


def _typical_seconds(finished_ns: NDArray[np.int64]) -> float:
    """From one image to the next, behind the first tenth: the median over runs of _RUN images.

    A run, because images may come in pairs; the median, because one that the system put off for
    some milliseconds says nothing of the steady state, and a pipeline has twice the chance of it.
    """
    steady = finished_ns[len(finished_ns) // _FILLING :]
    run = min(_RUN, len(steady) - 1)
    return float(np.median((steady[run:] - steady[:-run]) / run)) / 1e9


def _measured(
    network: Network, cut: Cut, chunks: NDArray[np.uint8], rounds: int, seed: int
) -> ComputingPipeline:
    keys = ClientKeys.new()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        application, folders = write_network_application(network, [cut], [ENGINE] * 2, scratch)
        whole = write_stage_folders(network, [], [ENGINE], scratch / "whole")
        first, second = stack.enter_context(_engines(folders))
        (unsplit,) = stack.enter_context(_engines(whole))
        boards = [
            LocalBoard(f"board-{n}", ENGINE, client_key=keys.public, core=n) for n in range(2)
        ]
        nodes = stack.enter_context(Nodes(boards, keys))
        deployment = stack.enter_context(Deployment(application, nodes))
        between = _computed(first, chunks)
        outcome = deployment.run(chunks)
        if not isinstance(outcome, JobDone):
            raise RuntimeError(str(outcome))
        if not np.array_equal(outcome.results, _computed(unsplit, chunks)):
            raise AssertionError("the pipeline's results are not the unsplit network's")
        measures: dict[str, Callable[[], float]] = {
            "first": lambda: _seconds(first, chunks),
            "second": lambda: _seconds(second, between),
            "interval": lambda: _interval(deployment, chunks),
            "unsplit": lambda: _seconds(unsplit, chunks),
        }
        found: dict[str, list[float]] = {name: [] for name in measures}
        generator = random.Random(seed)
        for _ in range(rounds):
            for name in generator.sample(list(measures), len(measures)):
                found[name].append(measures[name]())
    ratios = [
        interval / max(alone)
        for interval, *alone in zip(found["interval"], found["first"], found["second"], strict=True)
    ]
    speedups = [
        whole_time / interval
        for whole_time, interval in zip(found["unsplit"], found["interval"], strict=True)
    ]
    return ComputingPipeline(
        cut,
        len(chunks),
        (statistics.median(found["first"]), statistics.median(found["second"])),
        statistics.median(found["interval"]),
        statistics.median(found["unsplit"]),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(speedups),
    )
