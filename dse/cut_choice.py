"""Which one cut is meant: a split and the side of its max-pool, or none."""

from __future__ import annotations

from dse.errors import CutError
from finn_flows.cut import Cut, PoolSide


def choose_cut(split: int | None, pool: PoolSide) -> Cut | None:
    """The cut after layer ``split``; None without one. CutError for a side of no cut."""
    if split is not None:
        return Cut(split, pool)
    if pool != "before":
        raise CutError(f"pool {pool} the cut, but there is no cut", expected="a split with it")
    return None
