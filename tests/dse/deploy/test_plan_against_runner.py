"""The response time that a plan promises, beside that of the real runner on real sockets.

The stages sleep for the time that the plan says a part takes for an image, in place of computing.
A board of `dse deploy` takes one image after the other, so that a part there takes its latency for
each; the plan's own batch time is of parts that take the next image while they work on one, and is
what is compared once each part has just one block.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dse.deploy.job_outcome import JobDone
from dse.deploy.link_measurement import measure_links
from dse.deploy.pipeline_plan import PipelineOptions
from dse.plan.chain import Block, Boundary, Chain, FoldingOption
from dse.plan.fleet import Fleet, Link, PlanBoard
from dse.plan.plan import PlannedPart, evaluate
from dse.plan.problem import Problem
from dse.plan_links import read_links, with_links
from tests.dse.deploy.fault_rig import FaultRig, StageSettings

IMAGES, RUNS = 20, 15
TOLERANCE = 0.15
#: Cycles at 100 MHz that the parts of CnvW2A2 take for an image, and bytes between them: published
#: folding cut after layer 5 (the plan by traffic) and after layer 4 (the plan by balance).
PARTS = {
    "split 5": ((262_296, 133_632), 64),
    "split 4": ((188_568, 207_360), 576),
}
_KNOWS_NOTHING = (None,) * 6


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links of this machine, as `dse boards measure` finds them."""
    folder = tmp_path_factory.mktemp("links")
    file = folder / "links.json"
    measure_links(repeats=30).write(file)
    return file


def image_by_image(name: str) -> tuple[Chain, Fleet]:
    """Each part as one block that is busy with an image from its start to its end."""
    cycles, size = PARTS[name]
    blocks = tuple(
        Block(str(k), (FoldingOption("planned", _KNOWS_NOTHING, count),))
        for k, count in enumerate(cycles)
    )
    chain = Chain(name, "finn-estimate", blocks, (Boundary(name, size),), 3072, 16)
    boards = tuple(
        PlanBoard(f"emulated-{k}", "xc7z020clg400-1", 100.0, _KNOWS_NOTHING) for k in range(2)
    )
    return chain, Fleet(boards, (Link(),))


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_a_batch_takes_as_long_as_planned(name: str, links: Path, tmp_path: Path) -> None:
    chain, fleet = image_by_image(name)
    problem = Problem(chain, with_links(fleet, read_links(links)), batch=IMAGES)
    parts = (PlannedPart(0, 1, (0,), (0,)), PlannedPart(1, 2, (0,), (1,)))
    planned = evaluate(problem, parts)
    ideal = evaluate(replace(problem, fleet=fleet), parts)
    # Compute-bound: the links are a small part of it.
    assert ideal.batch < planned.batch < 1.05 * ideal.batch
    sizes = [chain.input_bytes, chain.boundaries[0].bytes_per_image or 0, chain.output_bytes]
    settings = {k: StageSettings(delay_seconds=part) for k, part in enumerate(ideal.part_intervals)}
    responses = []
    with (
        FaultRig(2, tmp_path) as rig,
        rig.pipeline(sizes, settings=settings, options=PipelineOptions(window=64)) as pipeline,
    ):
        for job in range(RUNS + 1):
            chunks = np.zeros((IMAGES, sizes[0]), dtype=np.uint8)
            chunks.view("<u4")[:, :2] = np.array([(job, image) for image in range(IMAGES)])
            done = pipeline.run(chunks)
            assert isinstance(done, JobDone)
            if job:
                responses.append(pipeline.timings(done).response_ns / 1e9)
    assert np.median(responses) == pytest.approx(planned.batch, rel=TOLERANCE)
