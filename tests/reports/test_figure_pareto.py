"""The plot of a trade-off says what is proved, and has boards as whole numbers."""

from __future__ import annotations

from dataclasses import replace

from reports.figure_pareto import ParetoPlan, ParetoPlot, _draw

PLOT = ParetoPlot(
    "net",
    "finn-estimate",
    (("images per second", True), ("boards", False)),
    (ParetoPlan((3543.1, 1.0), "not cut"), ParetoPlan((6944.4, 2.0), "split 1", True)),
    proved=True,
)


def said(plot: ParetoPlot) -> str:
    figure = _draw(plot)
    return " ".join([*(text.get_text() for text in figure.texts), figure.axes[0].get_title("left")])


def test_it_says_that_it_is_proved_only_where_it_is() -> None:
    assert "Proved: no allowed plan is better" in said(PLOT)
    assert "plans that none beats" in said(PLOT)
    unproved = said(replace(PLOT, proved=False))
    assert "Not proved: others may beat these." in unproved
    assert "none found" in unproved


def test_boards_are_whole_numbers_even_of_one_plan() -> None:
    for plans in (PLOT.plans, PLOT.plans[:1]):
        [axes] = _draw(replace(PLOT, plans=plans)).axes
        assert all(float(tick).is_integer() for tick in axes.get_yticks())


def test_labels_are_beside_the_line() -> None:
    [rising] = _draw(PLOT).axes
    falling_plans = tuple(
        replace(plan, values=(-plan.values[0] + 1e4, plan.values[1])) for plan in PLOT.plans
    )
    [falling] = _draw(replace(PLOT, plans=falling_plans)).axes
    assert {text.get_position()[1] for text in rising.texts} == {-9}
    assert {text.get_position()[1] for text in falling.texts} == {4}
