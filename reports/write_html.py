"""report.html: the whole sweep on one page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from reports.choice_record import ChoiceRecord
from reports.inline_svg import inline_svg
from reports.page import Panel, PanelKind
from reports.panels import lay_out
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import PartName
from reports.table import TABLE_RESOURCES, WHOLE, SplitTable, Status
from reports.table_notes import describe_source
from reports.timing_panels import cycles_word
from reports.utilization import RESOURCES, Source

#: Columns of numbers that fit an A4 page (and, in the page's type, stay legible there).
MOST_COLUMNS = 16

#: What draws and writes the page; the tools that counted are named with their numbers.
_LIBRARIES = ("jinja2", "matplotlib")


@dataclass(frozen=True)
class Figure:
    """``svg``: the element; ``identifier`` names it in the page; ``narrow``: fits a phone as is."""

    identifier: str
    svg: str
    caption: str
    narrow: bool


@dataclass(frozen=True)
class SourceRow:
    """Where the numbers of one source come from, and how far they go."""

    name: str
    description: str
    tool: str
    stage: str
    scope: str
    uncounted: str
    results: str


def report_as_html(
    table: SplitTable, figures: Mapping[str, bytes], choices: Sequence[ChoiceRecord] = ()
) -> str:
    """The page as HTML 5, UTF-8; the same arguments give the same text.

    ``figures``: SVG files as matplotlib writes them, under ``fig4a``, ``fig4b`` and ``traffic``.
    ``choices``: the splits that were chosen, each by its rule; without one the page says so.
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
    page = lay_out(table, differences=True)
    panels = {kind: _of_kind(page.panels, kind) for kind in PanelKind}
    return environment.get_template("report.html.jinja").render(
        page=page,
        table=table,
        percent=panels[PanelKind.PERCENT],
        used=panels[PanelKind.USED],
        differences=panels[PanelKind.DIFFERENCE],
        second=panels[PanelKind.SECOND_PART],
        increments=panels[PanelKind.INCREMENT],
        link=panels[PanelKind.LINK],
        timing=panels[PanelKind.TIMING],
        layers=panels[PanelKind.LAYERS],
        implementation=panels[PanelKind.IMPLEMENTATION],
        cycles=[
            (source.value, cycles_word(table, source))
            for source in dict.fromkeys(pipeline.source for pipeline in table.pipelines)
        ],
        figures={figure.identifier: figure for figure in _figures(table, figures)},
        choices=choices,
        swept=_swept(table),
        capacities=_capacities(table),
        sources=[_source_row(table, source) for source in table.sources],
        tools=_tools(table),
        libraries=[(name, version(name)) for name in ("split-dse", *_LIBRARIES)],
    )


def _of_kind(panels: Sequence[Panel], kind: PanelKind) -> list[Panel]:
    return [piece for panel in panels if panel.kind is kind for piece in panel.pieces(MOST_COLUMNS)]


def _figures(table: SplitTable, figures: Mapping[str, bytes]) -> list[Figure]:
    network = table.configuration.network
    device = table.device.name if table.device else table.configuration.device
    sources = ", ".join(source.value for source in table.sources)
    texts = {
        "fig4a": (
            "Growth of each resource with the split",
            f"Line chart: percent of {device} that the first part of {network} takes, over the "
            f"split, for each resource and source ({sources}). The first table of Table I has the "
            "same numbers.",
            "Fig. 4a. How the share of each resource on the first board grows with the split.",
            False,
        ),
        "fig4b": (
            "The whole network and its two kinds of layers",
            f"Bar chart: percent of {device} that the whole of {network}, its convolutions and its "
            f"fully connected layers take, for each resource and source ({sources}). The tables of "
            "first and second parts have the same numbers.",
            "Fig. 4b. The whole network, its convolutions and its fully connected layers.",
            False,
        ),
        "traffic": (
            "Bytes over the link against resources",
            "Two charts over the split. Above: bytes per image over the link, on a logarithmic "
            f"scale. Below: percent of {device} that the part which needs more takes, for each "
            "resource. The tables below the figure have the same numbers.",
            "What a cut costs: bytes per image over the link, and what the fuller of the two "
            "boards needs of each resource.",
            True,
        ),
    }
    return [
        Figure(name, inline_svg(figures[name], name, title, description), caption, narrow)
        for name, (title, description, caption, narrow) in texts.items()
    ]


def _swept(table: SplitTable) -> list[tuple[str, str]]:
    """What the sweep was of, as (name, value)."""
    cuts = [point for point in table.points if point != WHOLE]
    before = [str(point.split) for point in cuts if point.pool == "before"]
    after = [str(point.split) for point in cuts if point.pool == "after"]
    said = []
    if before:
        said.append(f"after layer {', '.join(before)}")
    if after:
        said.append(f"after layer {', '.join(after)} with the max-pool behind the cut")
    if WHOLE in table.points:
        said.append("the whole network")
    tools = [entry for entry in table.entries if entry.status is not Status.PUBLISHED]
    counts = [
        f"{count} {status.value}"
        for status in (Status.BUILT, Status.MISFIT, Status.FAILED, Status.EMPTY)
        if (count := sum(entry.status is status for entry in tools))
    ]
    return [("Cuts", "; ".join(said)), ("Results", f"{len(tools)}: {', '.join(counts)}")]


def _capacities(table: SplitTable) -> list[tuple[str, str]]:
    """What the device has, as (resource, count); empty for one that is not in the table."""
    if table.device is None:
        return []
    available = table.device.available()
    names = [name for name in RESOURCES if name != "lut_as_logic"]
    return [(RESOURCE_TITLES[name], str(available[name])) for name in names if available[name]]


def _source_row(table: SplitTable, source: Source) -> SourceRow:
    entries = [entry for entry in table.entries if entry.source is source]
    built = [entry.utilization for entry in entries if entry.utilization is not None]
    known = {name for one in built for name, count in one.resources().items() if count is not None}
    missing = [RESOURCE_TITLES[name] for name in TABLE_RESOURCES if name not in known]
    parts = {
        part: sum(entry.part is part and entry.utilization is not None for entry in entries)
        for part in PartName
    }
    return SourceRow(
        name=source.value,
        description=describe_source(table, source),
        tool="; ".join(sorted({f"{one.tool} {one.tool_version}".strip() for one in built})),
        stage=", ".join(sorted({one.stage.value for one in built})),
        scope=", ".join(sorted({one.scope.value for one in built})),
        uncounted=", ".join(missing) if built else "",
        results=", ".join(f"{count} {part.value}" for part, count in parts.items() if count),
    )


def _tools(table: SplitTable) -> list[tuple[str, str]]:
    """Tool and version as the results name them, those of publications aside."""
    found = {
        (entry.utilization.tool, entry.utilization.tool_version)
        for entry in table.entries
        if entry.utilization is not None and entry.source is not Source.PAPER
    }
    return sorted(found)
