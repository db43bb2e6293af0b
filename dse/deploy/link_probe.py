"""How long messages take from board to board, timed with the transport of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.atomic_write import atomic_write
from dse.deploy.application import APP_FILE, Application, read_application
from dse.deploy.deployment import Deployment
from dse.deploy.job_outcome import JobFailed
from dse.deploy.nodes import Nodes
from dse.deploy.timings import JobTimings
from dse.errors import DeployError

_MAIN_DIR, _MAIN_FILE = "relay", "stage.py"
#: Jobs before those that are timed: connections and caches are cold in the first ones.
_WARM_UP = 8
#: How often a message may be sent for each that is timed.
_TRIES = 10
#: Streams of messages that are timed, beside one that warms up.
_STREAMS = 9
#: Messages of a stream, and about how many bytes: 0.3 s of 100 Mbit/s.
_SHORTEST_STREAM, _LONGEST_STREAM, _STREAM_BYTES = 64, 1000, 1 << 22

_PROGRAM = '''\
"""Passes every chunk on as it is."""

from dse.deploy.node.relay_job import main

if __name__ == "__main__":
    main()
'''


@dataclass(frozen=True, eq=False)
class LinkSamples:
    """What was timed of one link. ``sizes``: bytes of a message, (sizes,); float64 (sizes,) each:
    ``seconds``: by which a message alone is late, the median; ``spread``: of that, from the 10th to
    the 90th percentile; ``stream``: between two messages of a stream, an upper bound of what each
    takes of the link."""

    sizes: tuple[int, ...]
    seconds: NDArray[np.float64]
    spread: NDArray[np.float64]
    stream: NDArray[np.float64]


def probe_links(
    nodes: Nodes,
    sizes: Sequence[int],
    repeats: int,
    folder: Path,
    *,
    secure: bool = False,
    on_step: Callable[[str], None] = lambda text: None,
) -> tuple[LinkSamples, ...]:
    """To the first of ``nodes``' boards, from each to the next, and from the last one back:
    ``repeats`` messages of each size, one on the way at a time, and then streams of them.

    A message is late from its being computed (at the client: sent) to its being started on in the
    next stage (at the client: received), as in deploy.json. Of all links together it is exact, by
    this computer's clock; how it is shared among neighbours is as exact as their clocks are known.
    A stream is no faster than its slowest link, so no link is taken for longer than from one
    message of it to the next, and none for longer than a message of its own is late.
    ``folder``: for the applications, which are written there. Raises DeployError where a board, or
    a message, is lost.
    """
    runs, streams = [], []
    for size in sizes:
        on_step(f"timing messages of {size} bytes")
        alone, between = _on_links(nodes, size, repeats, folder / str(size), secure)
        runs.append(alone)
        streams.append(between / 1e9)
    medians = np.array([np.median(one, axis=0) for one in runs]) / 1e9
    spreads = np.array([np.subtract(*np.percentile(one, (90, 10), axis=0)) for one in runs]) / 1e9
    return tuple(
        LinkSamples(
            tuple(sizes),
            medians[:, link],
            spreads[:, link],
            np.minimum(streams, np.maximum(medians[:, link], 0.0)),
        )
        for link in range(len(nodes.boards) + 1)
    )


def _on_links(
    nodes: Nodes, size: int, repeats: int, folder: Path, secure: bool
) -> tuple[NDArray[np.int64], float]:
    """Nanoseconds that each message spends on each link, int64 (repeats, boards + 1), and between
    two messages of a stream."""
    application = _relay_application(folder, len(nodes.boards), size)
    message = np.random.default_rng(size).integers(0, 256, (1, size), dtype=np.uint8)
    times: list[NDArray[np.int64]] = []
    with Deployment(application, nodes, secure=secure, prefix="links-") as pipeline:
        for _ in range(_TRIES * (_WARM_UP + repeats)):
            if len(times) == _WARM_UP + repeats:
                return np.array(times[_WARM_UP:]), _in_a_stream(pipeline, message)
            found = pipeline.run_timed(message)
            if isinstance(found, JobFailed):
                raise DeployError(str(found))
            done, timings = found
            if not np.array_equal(done.results, message):
                raise DeployError("a message came back changed", where=nodes.boards[-1].name)
            # A stage notes when it has sent a message after that: the answer may come before.
            if len(timings.sent_ns):
                times.append(_links_of(timings))
    raise DeployError(
        f"{len(times)} of {_WARM_UP + repeats} messages were timed", where=nodes.boards[0].name
    )


def _in_a_stream(pipeline: Deployment, message: NDArray[np.uint8]) -> float:
    """Nanoseconds for each message of a stream, the median of some streams: of so many messages
    that how late the last one is hardly counts."""
    count = min(_LONGEST_STREAM, max(_SHORTEST_STREAM, _STREAM_BYTES // message.size))
    stream = np.repeat(message, count, axis=0)
    between = []
    for _ in range(_STREAMS + 1):
        done = pipeline.run(stream)
        if isinstance(done, JobFailed):
            raise DeployError(str(done))
        between.append(int(done.received_ns[-1] - done.sent_ns[0]) / count)
    return float(np.median(between[1:]))


def _links_of(timings: JobTimings) -> NDArray[np.int64]:
    """Of a job of one message."""
    begun = [*(stage.started_ns[0] for stage in timings.stages), timings.received_ns[0]]
    done = [timings.sent_ns[0], *(stage.finished_ns[0] for stage in timings.stages)]
    return np.array(begun, dtype=np.int64) - np.array(done, dtype=np.int64)


def _relay_application(folder: Path, stages: int, size: int) -> Application:
    import yaml

    atomic_write(folder / _MAIN_DIR / _MAIN_FILE, _PROGRAM)
    content = {
        "app_name": "links",
        "jobs": [
            {
                "job_name": f"relay-{position}",
                "main_dir": _MAIN_DIR,
                "main_file": _MAIN_FILE,
                "input_bytes": size,
                "output_bytes": size,
                "fpga": 0,
            }
            for position in range(stages)
        ],
    }
    atomic_write(folder / APP_FILE, yaml.safe_dump(content, sort_keys=False))
    return read_application(folder)
