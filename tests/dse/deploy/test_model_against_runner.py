"""The model of a pipeline beside real ones of two, three and four boards on this machine.

The stages sleep in place of computing, so that more of them than there are cores do not slow each
other down: what is compared is the model's rules (fill, one thread a stage, credit) and nothing of
how a machine shares its cores. `make bench` compares the two with real computing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dse.deploy.cluster_inputs import measured_stages
from dse.deploy.deploy_file import FORMAT, VERSION, measured_sections
from dse.deploy.job_outcome import JobDone
from dse.deploy.pipeline_model import Batch, Cable, Hop
from dse.deploy.pipeline_plan import PipelineOptions
from dse.deploy.timings import JobTimings
from tests.dse.deploy.fault_rig import FaultRig, StageSettings

IMAGES, RUNS = 20, 15
TOLERANCE = 0.05


def replayed(job: JobTimings, hops: Sequence[Hop], turnaround_ns: list[int]) -> JobTimings:
    """The model of ``job``, with the very time that each stage took for each image: what a busy
    machine does to all stages at once is in them, and what is left to compare are the rules."""
    import simpy

    environment = simpy.Environment()
    service = np.array([stage.finished_ns - stage.started_ns for stage in job.stages])
    turnaround = np.repeat(np.array(turnaround_ns)[:, None], IMAGES, axis=1)
    batch = Batch(environment, service, hops, (Cable(), Cable()), None, turnaround)
    environment.run(until=batch.done)
    return batch.timings()


def measured(rig: FaultRig, delays: list[float], window: int) -> tuple[list[JobTimings], list[int]]:
    """The times of some jobs, and the bytes over each hop."""
    sizes = [3072, *[64] * (len(delays) - 1), 24]
    settings = {at: StageSettings(delay_seconds=delay) for at, delay in enumerate(delays)}
    timings = []
    with rig.pipeline(sizes, settings=settings, options=PipelineOptions(window=window)) as pipeline:
        for job in range(RUNS + 1):
            chunks = np.zeros((IMAGES, sizes[0]), dtype=np.uint8)
            chunks.view("<u4")[:, :2] = np.array([(job, image) for image in range(IMAGES)])
            done = pipeline.run(chunks)
            assert isinstance(done, JobDone)
            if job:
                timings.append(pipeline.timings(done))
    return timings, sizes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delays", "window"),
    [
        ([4e-3, 2e-3], 64),
        ([2e-3, 4e-3], 64),
        ([1e-3, 5e-3], 2),
        ([2e-3, 5e-3, 3e-3], 64),
        ([3e-3, 1e-3, 4e-3], 2),
        ([2e-3, 3e-3, 5e-3, 1e-3], 64),
        ([4e-3, 4e-3, 4e-3, 4e-3], 2),
    ],
    ids=str,
)
def test_response_and_interval(tmp_path: Path, delays: list[float], window: int) -> None:
    with FaultRig(len(delays), tmp_path) as rig:
        timings, sizes = measured(rig, delays, window)
    content = {
        "format": FORMAT,
        "version": VERSION,
        **measured_sections(timings, ["test"] * len(delays), sizes),
    }
    file = tmp_path / "deploy.json"
    file.write_text(json.dumps(content))
    # By the same way as `dse simulate-cluster`.
    known = measured_stages(file, None, None, window)
    differences = []
    for job in timings:
        model = replayed(job, known.hops, [int(np.median(one)) for one in known.turnaround_ns])
        differences.append(model.response_ns / job.response_ns - 1)
    assert abs(np.median(differences)) < TOLERANCE, differences
    # The slowest stage sets the pace.
    slowest = int(np.argmax(delays))
    for job in timings:
        busy = (job.stages[slowest].finished_ns - job.stages[slowest].started_ns).sum()
        assert busy < job.response_ns
