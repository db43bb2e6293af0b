"""plan.html: a plan on one page that needs no other file and no network."""

from __future__ import annotations

from importlib.metadata import version

from reports.inline_svg import inline_svg
from reports.plan_record import PlanRecord

_LIBRARIES = ("split-dse", "jinja2", "matplotlib", "scipy")


def plan_as_html(record: PlanRecord, pareto: bytes | None = None) -> str:
    """The page as HTML 5, UTF-8; the same arguments give the same text.

    ``pareto``: the plot as matplotlib writes it in SVG; None where no plans were traded off.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    figure = None
    if pareto is not None:
        figure = inline_svg(
            pareto,
            "pareto",
            "Plans that no other one beats",
            f"Points: plans of {record.network} of which none is at least as good in every figure "
            "and better in one. The table below has the same numbers.",
        )
    return environment.get_template("plan.html.jinja").render(
        record=record,
        figure=figure,
        resources=list(
            dict.fromkeys(one.resource for board in record.boards for one in board.resources)
        ),
        libraries=[(name, version(name)) for name in _LIBRARIES],
    )
