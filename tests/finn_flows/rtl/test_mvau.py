"""The matrix vector unit against numpy: precisions, memories, foldings, with random stalls."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from finn_flows.integer_type import IntegerType
from tests.finn_flows.rtl.mvau_cases import MvauCase, fixed, random_case
from tests.finn_flows.rtl.stream_bench import StreamResult, run_circuits

BIPOLAR = IntegerType.bipolar()
TERNARY = IntegerType.signed(2, narrow=True)
INT4 = IntegerType.signed(4)

#: weights, activations
PRECISIONS = {
    "W1A1": (BIPOLAR, BIPOLAR),
    "W1A2": (BIPOLAR, IntegerType.signed(2)),
    "W1A2u": (BIPOLAR, IntegerType.unsigned(2)),
    "W1A2n": (BIPOLAR, TERNARY),
    "W2A1": (TERNARY, BIPOLAR),
    "W2A2": (IntegerType.signed(2), IntegerType.signed(2)),
    "W2A2n": (TERNARY, TERNARY),
    "W4A4": (IntegerType.signed(4), IntegerType.signed(4)),
    "W4A4u": (IntegerType.signed(4), IntegerType.unsigned(4)),
    "W3A1u": (IntegerType.signed(3), IntegerType.unsigned(1)),
    "W2A8": (TERNARY, IntegerType.signed(8)),
    "W1A8u": (BIPOLAR, IntegerType.unsigned(8)),
    "W6A3": (IntegerType.signed(6), IntegerType.signed(3)),
}


def run(cases: list[MvauCase], directory: Path) -> list[StreamResult]:
    """Runs all of them side by side, and compares what they give."""
    built = [case.circuit() for case in cases]
    results = run_circuits([circuit for circuit, _ in built], directory)
    for case, (_, expected), result in zip(cases, built, results, strict=True):
        assert result.elements == expected, case
    return results


#: Folds of a pixel: one and many; elements of a fold: one and many; fewer cycles between results
#: than there are comparisons, so that comparators must work side by side.
STEADY = (
    MvauCase(32, 8, 4, 2, TERNARY, TERNARY, pixels=6),
    MvauCase(8, 8, 8, 2, TERNARY, TERNARY, pixels=12),
    MvauCase(8, 8, 8, 8, TERNARY, TERNARY, pixels=20),
    MvauCase(8, 4, 8, 4, INT4, INT4, steps=15, pixels=20),
    MvauCase(
        12, 10, 2, 5, IntegerType.unsigned(2), BIPOLAR, steps=3, pixels=9, input_style="block"
    ),
    MvauCase(16, 6, 2, 6, TERNARY, TERNARY, pixels=9, weight_style="block"),
    MvauCase(27, 16, 3, 8, IntegerType.signed(8), TERNARY, pixels=6, threshold_style="block"),
    MvauCase(9, 5, 3, 1, TERNARY, TERNARY, steps=0, pixels=9),
    # Weights of 144 and of 100 lines: LUTRAM of two and of three banks.
    MvauCase(72, 8, 2, 2, TERNARY, TERNARY, pixels=3),
    MvauCase(50, 8, 2, 2, TERNARY, TERNARY, pixels=3),
    MvauCase(6, 3, 6, 1, TERNARY, TERNARY, steps=1, pixels=12, input_style="registers"),
)


FIXED = (
    MvauCase(12, 6, 3, 2, TERNARY, TERNARY, seed=1),
    MvauCase(12, 10, 4, 5, BIPOLAR, IntegerType.signed(4), steps=15, stalls=80, seed=2),
    MvauCase(8, 6, 4, 6, TERNARY, TERNARY, steps=3, weight_style="block", seed=3),
    MvauCase(8, 6, 4, 3, TERNARY, TERNARY, steps=0, seed=4),
    MvauCase(8, 6, 8, 3, TERNARY, TERNARY, threshold_style="block", seed=5),
)
REWRITTEN = (
    MvauCase(16, 8, 4, 2, TERNARY, TERNARY, stalls=50, pixels=12, rewrite=True, seed=6),
    MvauCase(40, 4, 20, 2, TERNARY, TERNARY, 3, 20, "block", "block", rewrite=True, seed=7),
)
RANDOM = tuple(random_case(k, *types) for k, types in enumerate(PRECISIONS.values()))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[MvauCase, StreamResult]:
    """Results of all cases above, each equal to what numpy gives; compiled in one go."""
    directory = tmp_path_factory.mktemp("mvau")
    with_files = [fixed(case, directory) for case in FIXED]
    cases = [*RANDOM, *STEADY, *REWRITTEN, *with_files]
    return dict(
        zip([*RANDOM, *STEADY, *REWRITTEN, *FIXED], run(cases, directory / "run"), strict=True)
    )


@pytest.mark.parametrize("case", [*RANDOM, *FIXED, *REWRITTEN], ids=str)
def test_outputs_are_those_of_numpy(case: MvauCase, results: dict[MvauCase, StreamResult]) -> None:
    assert len(results[case].elements) == case.pixels * case.folds


@pytest.mark.parametrize("case", STEADY, ids=str)
def test_pixels_follow_one_another_without_a_gap(
    case: MvauCase, results: dict[MvauCase, StreamResult]
) -> None:
    fold_cycles = case.cycles // case.folds
    assert {b - a for a, b in pairwise(results[case].cycles)} == {fold_cycles}


@pytest.mark.parametrize("case", [case for case in STEADY if case.folds > 1], ids=str)
def test_a_pixel_enters_while_the_one_before_is_worked_on(
    case: MvauCase, results: dict[MvauCase, StreamResult]
) -> None:
    per_pixel = case.mw // case.simd
    entered = results[case].input_cycles
    # The first pixel's last fold begins after all folds but one.
    last_fold = entered[0] + case.cycles - case.cycles // case.folds
    assert entered[per_pixel] <= last_fold + 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 8000, 1000))
def test_random_units(seed: int, tmp_path: Path) -> None:
    cases = [
        random_case(seed + 20 * repeat + k, *types)
        for repeat in range(2)
        for k, types in enumerate(PRECISIONS.values())
    ]
    run(cases, tmp_path)
