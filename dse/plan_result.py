"""A plan from the request to the result: solved, explained, ready to be shown and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dse.atomic_write import atomic_write
from dse.errors import InputError
from dse.plan.explain import ErrorBand, Explanation, OnStep, explain, within_error
from dse.plan.pareto import pareto
from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution, solve
from dse.plan_file import PLAN_FILE, PlanFile, plan_file, write_plan_file
from dse.plan_record import plan_record
from dse.plan_request import PlanRequest, plan_fleet, plan_problem, plan_subject
from finn_flows.folding import Folding
from reports.drawing import Drawing
from reports.plan_record import PlanRecord

#: What is put in order among plans that are equal by the objective.
_TIES = (Objective.TRAFFIC, Objective.SCARCEST)
PAGE = "plan.html"
DEFAULT_OUT = Path("build/plan")


@dataclass(frozen=True)
class PlanResult:
    """A plan.

    ``explanation`` is None where none was asked for; ``pareto``: by ``trade_off``, empty without.
    ``remarks``: where ``band`` comes from. ``folding``: of the whole network, None where it is no
    chain of ours.
    """

    problem: Problem
    solution: Solution
    then: tuple[Objective, ...]
    folding: Folding | None
    band: ErrorBand
    remarks: tuple[str, ...]
    explanation: Explanation | None
    trade_off: tuple[Objective, ...]
    pareto: tuple[Solution, ...]

    @property
    def splits(self) -> tuple[int | None, ...]:
        """After which layers it cuts; None for a cut of a graph that is no chain of ours."""
        boundaries = self.problem.chain.boundaries
        return tuple(boundaries[part.last - 1].split for part in self.solution.parts[:-1])

    @property
    def fps(self) -> float:
        """Images per second."""
        return 1 / self.solution.metrics.interval

    @property
    def drawing(self) -> Drawing:
        """The Pareto plot, which a notebook shows. InputError without a trade-off."""
        figures = self.figures()
        if not figures:
            raise InputError("no plans were traded off", expected="pareto=(...) of two or three")
        return Drawing(figures["svg"], figures["png"])

    @property
    def file(self) -> PlanFile:
        """What plan.json holds."""
        return plan_file(self.problem, self.solution, self.then, self.folding)

    @property
    def record(self) -> PlanRecord:
        """What is said of it."""
        return plan_record(
            self.problem,
            self.solution,
            self.explanation,
            (self.trade_off, self.pareto),
            self.remarks,
        )

    def to_json(self) -> dict[str, Any]:
        """What ``dse plan --json`` prints; docs/formats.md lists the keys."""
        from dse.plan_json import plan_result_data

        return plan_result_data(self)

    def write(self, folder: str | Path = DEFAULT_OUT) -> list[Path]:
        """plan.json, plan.html and, where plans were traded off, pareto.svg and pareto.png into
        ``folder``; what an earlier plan left of these and this one does not have is removed. Raises
        OutputError."""
        from reports.write_plan_html import plan_as_html

        out = Path(folder)
        record, figures = self.record, self.figures()
        page = plan_as_html(record, figures.get("svg"))
        written = [write_plan_file(self.file, out / PLAN_FILE)]
        for kind in ("svg", "png"):
            path = out / f"pareto.{kind}"
            if kind in figures:
                atomic_write(path, figures[kind])
                written.append(path)
            else:
                path.unlink(missing_ok=True)
        atomic_write(out / PAGE, page)
        return [*written, out / PAGE]

    def figures(self) -> dict[str, bytes]:
        """The Pareto plot as ``{"svg": ..., "png": ...}``; empty without a trade-off."""
        if not self.pareto:
            return {}
        from dse.plan_json import pareto_plot
        from reports.figure_pareto import pareto_figure

        return pareto_figure(pareto_plot(self))


def make_plan(
    request: PlanRequest,
    trade_off: Sequence[Objective] = (),
    *,
    explained: bool = True,
    on_step: OnStep | None = None,
) -> PlanResult:
    """The best plan for ``request``, and with ``trade_off`` those that none beats in all of these.

    ``on_step`` is told how the explanation gets on.

    Raises PlanError, naming the limit in the way and the nearest plan, where none is allowed, and
    any other DseError for what is wrong in the request.
    """
    from dse.plan_chains import planned_folding
    from dse.plan_words import paper_text, tight_text

    if trade_off and len(set(trade_off)) not in (2, 3):
        raise InputError("a trade-off is between two or three different objectives")
    fleet = plan_fleet(request)
    subject = plan_subject(request, fleet.boards[0].part)
    problem = plan_problem(request, subject.chain, fleet)
    then = tuple(name for name in _TIES if name is not request.objective)
    solution = solve(problem, request.objective, then)
    folding = subject.folding
    if folding is None and subject.chain.network_sha256:
        folding = planned_folding(subject.chain, solution.parts)
    band, remarks = _band(request, problem)
    remarks = (*remarks, *tight_text(problem, within_error(problem, solution, band)))
    explanation = explain(problem, solution, then, band, on_step) if explained else None
    if explanation is not None and subject.paper_split is not None:
        remarks = (*remarks, *paper_text(problem, solution, explanation, subject.paper_split))
    return PlanResult(
        problem,
        solution,
        then,
        folding,
        band,
        remarks,
        explanation,
        tuple(dict.fromkeys(trade_off)),
        pareto(problem, tuple(dict.fromkeys(trade_off))) if trade_off else (),
    )


def _band(request: PlanRequest, problem: Problem) -> tuple[ErrorBand, tuple[str, ...]]:
    """The error band of the source, measured in the sweep at hand, and where it comes from."""
    from dse.plan_bands import error_bands
    from dse.plan_words import band_text

    chain = problem.chain
    found = error_bands(request.sweep, chain.network_sha256, chain).get(chain.source)
    if found is None or not found.against:
        return ErrorBand(), (band_text(chain.source, None),)
    return found.band, (band_text(chain.source, found),)
