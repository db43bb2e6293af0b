"""Runs of a deployed network: what it says of each image, how long it takes, if it is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dse.classify import Classified, classify
from dse.deploy.deployment import Deployment
from dse.deploy.job_outcome import JobDone, JobFailed
from dse.deploy.timings import JobTimings
from dse.errors import DeployError
from dse.inference import load_engine
from finn_flows.cut import CutTensor
from finn_flows.network import Network

#: Images that are encoded and compared at a time.
_BATCH = 256


@dataclass(frozen=True)
class DeployImages:
    """``names``; uint8 ``pixels`` (images, *input_shape); ``labels`` where they are known."""

    names: Sequence[str]
    pixels: NDArray[np.uint8]
    labels: Sequence[str] | None


@dataclass(frozen=True, eq=False)
class DeployRuns:
    """``images``: as the deployed network classified them in the last run; ``response_ns``: int64
    (runs,), the warm-up left out, which took ``warm_up_ns``; ``timings``: of every timed run;
    ``identical``: whether every integer of every run equals the unsplit network's; ``different``:
    names of images of which one does not."""

    images: tuple[Classified, ...]
    response_ns: NDArray[np.int64]
    warm_up_ns: int
    timings: tuple[JobTimings, ...]
    identical: bool
    different: tuple[str, ...]
    failures: tuple[JobFailed, ...]

    @property
    def median_run(self) -> JobTimings:
        """The run whose response time is the (lower) median."""
        order = np.argsort([timing.response_ns for timing in self.timings], kind="stable")
        return self.timings[int(order[(len(order) - 1) // 2])]


class DeployedNetwork:
    """The pipeline as an engine: integers in, integers out, packed for the wire between."""

    def __init__(self, network: Network, deployment: Deployment) -> None:
        self._input = CutTensor(network.input_shape, network.input_type)
        self._output = CutTensor(network.output_shape, network.output_type)
        self._deployment = deployment
        self.done: JobDone | None = None

    def chunks(self, tensor: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Integers (images, *input_shape) as the pipeline takes them: uint8 (images, bytes)."""
        words = self._input.pack(tensor)
        return np.ascontiguousarray(words).view(np.uint8).reshape(len(tensor), -1)

    def results(self, done: JobDone) -> NDArray[np.int32]:
        """What a job gave: int32 (images, *output_shape)."""
        return self._output.unpack(np.ascontiguousarray(done.results).view("<u8"))

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        """One job. DeployError if it fails, with the stage and the reason."""
        outcome = self._deployment.run(self.chunks(tensor))
        if isinstance(outcome, JobFailed):
            raise DeployError(str(outcome))
        self.done = outcome
        return self.results(outcome)


def run_deployed(
    network: Network,
    deployment: Deployment,
    images: DeployImages,
    runs: int,
    on_progress: Callable[[int, int], None],
) -> DeployRuns:
    """One warm-up and ``runs`` timed jobs of ``images``; every result is compared.

    ``on_progress``: the run (0 is the warm-up) and how many of its results have come.
    Raises DeployError if a job fails for good.
    """
    engine = DeployedNetwork(network, deployment)
    count = len(images.pixels)
    expected, chunks = _expected_and_chunks(network, engine, images.pixels)
    timings: list[JobTimings] = []
    wrong = np.zeros(count, dtype=bool)
    response: list[int] = []
    for run in range(runs + 1):
        found = deployment.run_timed(chunks, on_progress=partial(on_progress, run))
        if isinstance(found, JobFailed):
            raise DeployError(str(found))
        outcome, timing = found
        on_progress(run, count)
        result = engine.results(outcome)
        wrong |= (result != expected).reshape(count, -1).any(axis=1)
        response.append(int(outcome.received_ns[-1] - outcome.sent_ns[0]))
        if run:
            timings.append(timing)
    return DeployRuns(
        images=_classified(network, result, images),
        response_ns=np.asarray(response[1:], dtype=np.int64),
        warm_up_ns=response[0],
        timings=tuple(timings),
        identical=not wrong.any(),
        different=tuple(name for name, bad in zip(images.names, wrong, strict=True) if bad),
        failures=tuple(deployment.failures),
    )


def _expected_and_chunks(
    network: Network, engine: DeployedNetwork, pixels: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """The unsplit network's results, and what the pipeline is sent; some images at a time, as
    they take many times their size on the way."""
    whole = load_engine("onnx", network)
    expected, chunks = [], []
    for at in range(0, len(pixels), _BATCH):
        tensor = network.encode_pixels(pixels[at : at + _BATCH])
        expected.append(whole.run(tensor))
        chunks.append(engine.chunks(tensor))
    return np.concatenate(expected), np.concatenate(chunks)


def _classified(
    network: Network, result: NDArray[np.int32], images: DeployImages
) -> tuple[Classified, ...]:
    found: list[Classified] = []
    for at in range(0, len(result), _BATCH):
        some = slice(at, at + _BATCH)
        labels = None if images.labels is None else images.labels[some]
        given = _Given(result[some])
        found += classify(network, given, images.names[some], images.pixels[some], labels)
    return tuple(found)


class _Given:
    """An engine whose result is known."""

    def __init__(self, result: NDArray[np.int32]) -> None:
        self._result = result

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        return self._result
