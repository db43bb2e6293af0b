"""Sums of utilizations: unknown is contagious, and unlike things are not added."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.utilization import RESOURCES, Scope, Stage, Utilization, total

counts = st.none() | st.integers(0, 10**6).map(float)


@st.composite
def utilizations(draw: st.DrawFn) -> Utilization:
    """Pieces of one device, counted by one tool."""
    found = {name: draw(counts) for name in RESOURCES}
    return replace(
        Utilization("xc7z020clg400-1", "t", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT), **found
    )


@given(st.lists(utilizations(), min_size=1, max_size=6))
def test_unknown_in_a_piece_is_unknown_in_the_sum(pieces: list[Utilization]) -> None:
    summed = total(pieces).resources()
    for name in RESOURCES:
        column = [piece.resources()[name] for piece in pieces]
        known = [count for count in column if count is not None]
        assert summed[name] == (sum(known) if len(known) == len(column) else None)


@pytest.mark.parametrize(
    "change",
    [
        {"device": "xc7z010clg400-1"},
        {"tool": "other"},
        {"tool_version": "2"},
        {"stage": Stage.PLACED},
        {"scope": Scope.WITH_SHELL},
    ],
)
def test_unlike_pieces_are_refused(change: dict[str, object]) -> None:
    piece = Utilization("xc7z020clg400-1", "t", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT)
    with pytest.raises(ValueError, match=next(iter(change))):
        total([piece, replace(piece, **change)])  # type: ignore[arg-type]


def test_nothing_has_no_sum() -> None:
    with pytest.raises(ValueError, match="nothing"):
        total([])
