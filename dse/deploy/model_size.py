"""How much a model of clusters plays: memory and time are bounded before it begins.

The unit is an *image-hop*: one image over one hop, with the stage behind it. It takes 200 to 400
bytes while its pipeline is at work, and 3 to 10 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dse.counted import counted
from dse.errors import InputError

#: Image-hops of the pipelines that are at work at the same time: below 1 GB.
MOST_AT_A_TIME = 2_000_000
#: Image-hops in all: some minutes.
MOST_IN_ALL = 20_000_000
#: What is there of a hop whatever the images, as if of so many images more.
HOP_IMAGES = 20

Spread = Literal["jobs", "images"]


@dataclass(frozen=True)
class ClusterShape:
    """``pipelines`` pipelines of ``stages`` stages each."""

    stages: int
    pipelines: int


def check_size(shapes: Sequence[ClusterShape], spread: Spread, images: int, jobs: int) -> None:
    """Of ``jobs`` jobs of ``images`` images in a cluster of each of ``shapes``, one after another.

    Raises InputError, with what would be valid, beyond :data:`MOST_AT_A_TIME` or
    :data:`MOST_IN_ALL`; docs/cluster-model.md has the formula.
    """
    together, total = _sizes(shapes, spread, images, jobs)
    if together <= MOST_AT_A_TIME and total <= MOST_IN_ALL:
        return

    def fit(images: int, jobs: int) -> bool:
        together, total = _sizes(shapes, spread, images, jobs)
        return together <= MOST_AT_A_TIME and total <= MOST_IN_ALL

    valid_images = _largest(lambda fewer: fit(fewer, jobs), images)
    valid_jobs = _largest(lambda fewer: fit(images, fewer), jobs)
    valid = [
        f"{option} {value} or fewer"
        for option, value in (("--images", valid_images), ("--jobs", valid_jobs))
        if value
    ]
    size, when, most = (
        (together, "at a time", MOST_AT_A_TIME)
        if together > MOST_AT_A_TIME
        else (total, "in all", MOST_IN_ALL)
    )
    pipelines = max(shape.pipelines for shape in shapes)
    raise InputError(
        f"{counted(jobs, 'job')} of {counted(images, 'image')} in up to "
        f"{counted(pipelines, 'pipeline')} are a model of {size:,} image-hops {when}, "
        f"the most is {most:,}",
        expected=" or ".join(valid) or "fewer --boards, --images and --jobs",
    )


def _sizes(
    shapes: Sequence[ClusterShape], spread: Spread, images: int, jobs: int
) -> tuple[int, int]:
    """Image-hops at a time, the most of any cluster; and in all."""
    together = total = 0
    for shape in shapes:
        size = job_size(shape, spread, images)
        alone = (shape.stages + 1) * (images + HOP_IMAGES)
        at_work = min(shape.pipelines, jobs) if spread == "jobs" else 1
        together = max(together, size * at_work)
        # Beside the jobs one is played alone, and boards are there even without work.
        total += size * jobs + alone + shape.stages * shape.pipelines
    return together, total


def _largest(fits: Callable[[int], bool], below: int) -> int:
    """The largest number from 1 to ``below`` that fits, where all smaller ones do; else 0."""
    least, most = 0, below
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


def job_size(shape: ClusterShape, spread: Spread, images: int) -> int:
    """Image-hops of one job."""
    pipelines = 1 if spread == "jobs" else shape.pipelines
    return (shape.stages + 1) * (images + HOP_IMAGES * pipelines)
