"""The response time that a plan promises, beside that of the real runner on real sockets.

The stages wait in place of computing: an image comes out of one after the latency that the plan has
for the part, and the next one goes in after its interval, as with a circuit.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dse.deploy.job_outcome import JobDone
from dse.deploy.link_measurement import measure_links
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineOptions, StagePlan
from dse.plan.chain import Chain
from dse.plan.fleet import Fleet
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve
from dse.plan_chains import estimated_chain
from dse.plan_fleet import fleet
from dse.plan_links import MeasuredLinks, read_links, with_links
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.folding import published_folding
from finn_flows.weights import load_weights
from tests.dse.deploy import paced_stage
from tests.dse.deploy.fault_rig import FaultRig

IMAGES, RUNS = 20, 15
TOLERANCE = 0.15

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Two PYNQ-Z1, linked as `dse boards measure` finds this machine's boards to be."""
    file = tmp_path_factory.mktemp("links") / "links.json"
    measure_links(repeats=30).write(file)
    measured: MeasuredLinks = read_links(file)
    return with_links(fleet(["Pynq-Z1", "Pynq-Z1"]), measured)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    network = load_weights("digits").network
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        return estimated_chain(network, "xc7z020clg400-1", published_folding(network))


@pytest.mark.parametrize("objective", [Objective.TRAFFIC, Objective.BALANCE])
def test_a_batch_takes_as_long_as_planned(
    objective: Objective, boards: Fleet, chain: Chain, tmp_path: Path
) -> None:
    plan = solve(Problem(chain, boards, batch=IMAGES, use_all=True), objective)
    planned = plan.metrics
    # Compute-bound: the parts, not the links, are what takes the time.
    assert planned.interval == max(planned.part_intervals)
    sizes = [chain.input_bytes, planned.traffic, chain.output_bytes]
    responses = []
    rig = FaultRig(2, tmp_path)
    shutil.copy(paced_stage.__file__, tmp_path / "application" / "paced_stage.py")
    with rig:
        times = zip(planned.part_intervals, planned.part_latencies, strict=True)
        stages = [
            StagePlan(
                rig.nodes[k],
                rig.program(k, "paced_stage.py"),
                {"interval_seconds": interval, "latency_seconds": latency},
                sizes[k],
                sizes[k + 1],
                name=f"stage{k}",
            )
            for k, (interval, latency) in enumerate(times)
        ]
        with Pipeline(
            rig.hub, stages, app="paced", epoch=1, manifest=None, options=PipelineOptions()
        ) as pipeline:
            for job in range(RUNS + 1):
                done = pipeline.run(np.zeros((IMAGES, sizes[0]), dtype=np.uint8))
                assert isinstance(done, JobDone)
                if job:
                    responses.append(pipeline.timings(done).response_ns / 1e9)
    assert np.median(responses) == pytest.approx(planned.batch, rel=TOLERANCE)
