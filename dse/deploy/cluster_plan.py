"""How many boards are made of the few stages that were measured, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.counted import counted
from dse.deploy.model_size import ClusterShape
from dse.deploy.pipeline_model import Hop
from dse.errors import InputError


@dataclass(frozen=True, eq=False)
class ClusterPlan:
    """``boards`` boards as ``replicas`` pipelines; ``idle`` boards are left over.

    ``service_ns``, ``turnaround_ns``, ``hops``: of each pipeline, as
    :class:`dse.deploy.cluster_model.Cluster` takes them. ``repeated``: whether stages were
    repeated, so that the pipeline is of no network known.
    ``how``: a sentence for a person.
    """

    boards: int
    replicas: int
    idle: int
    service_ns: tuple[NDArray[np.int64], ...]
    turnaround_ns: tuple[NDArray[np.int64], ...]
    hops: tuple[Hop, ...]
    repeated: bool
    how: str


def cluster_shape(known: int, boards: int, replicas: int | None) -> ClusterShape:
    """Pipelines and stages that :func:`plan_cluster` makes of ``known`` stages; raises as it."""
    count = boards // known if replicas is None else replicas
    stages = known if replicas is None else boards // replicas
    if count < 1 or stages < known:
        least = max(count, 1)
        raise InputError(
            f"{counted(boards, 'board')} for {counted(least, 'pipeline')} of "
            f"{counted(known, 'stage')}",
            expected=f"{counted(least * known, 'board')} or more",
        )
    return ClusterShape(stages, count)


def plan_cluster(
    service_ns: Sequence[NDArray[np.int64]],
    hops: Sequence[Hop],
    boards: int,
    replicas: int | None = None,
    turnaround_ns: Sequence[NDArray[np.int64]] = (),
) -> ClusterPlan:
    """``service_ns``, ``turnaround_ns``, ``hops``: of the known stages, and to each and back.

    With ``replicas`` None, as many pipelines of just these stages as there are boards for. Else
    that many pipelines, as long as the boards allow; where that is longer than the known stages,
    they are repeated in turn, each with what it takes in and gives out. Raises InputError for too
    few boards: a part of a network cannot be split, nor two be joined, from their times alone.
    """
    known = len(service_ns)
    shape = cluster_shape(known, boards, replicas)
    count, stages = shape.pipelines, shape.stages
    idle = boards - count * stages
    repeated = stages > known
    how = f"{count:,} x the pipeline of {counted(known, 'stage')}"
    if repeated:
        how = (
            f"{count:,} x {counted(stages, 'stage')}: the {known} known ones repeated in turn, "
            f"{stages / known:.4g} times the work, of no network known"
        )
    return ClusterPlan(
        boards=boards,
        replicas=count,
        idle=idle,
        service_ns=tuple(service_ns[position % known] for position in range(stages)),
        turnaround_ns=tuple(
            turnaround_ns[position % known] for position in range(stages) if turnaround_ns
        ),
        # A hop brings what its receiver takes; the last one what the last stage gives.
        hops=(
            *(hops[position % known] for position in range(stages)),
            hops[(stages - 1) % known + 1],
        ),
        repeated=repeated,
        how=how + (f"; {counted(idle, 'board')} idle" if idle else ""),
    )
