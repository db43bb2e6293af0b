"""A page of tables before it has a form: panels of cells, their sources and their notes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reports.utilization import Source


@dataclass(frozen=True)
class Cell:
    """A piece of text with the numbers of the notes that belong to it."""

    text: str
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Column:
    """``name``: the resource or quantity; ``source`` is None for what no tool counts.

    ``difference``: not what ``source`` says, but that less what the paper says.
    """

    name: str
    source: Source | None = None
    marks: tuple[int, ...] = ()
    numeric: bool = True
    difference: bool = False


class PanelKind(StrEnum):
    """What a panel tells."""

    PERCENT = "percent"
    USED = "used"
    DIFFERENCE = "difference"
    INCREMENT = "increment"
    SECOND_PART = "second-part"
    TIMING = "timing"
    LINK = "link"
    LAYERS = "layers"
    IMPLEMENTATION = "implementation"


@dataclass(frozen=True)
class Panel:
    """One block of text. ``side_by_side``: neighbouring columns are one resource of each source."""

    kind: PanelKind
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    side_by_side: bool

    @property
    def sources(self) -> tuple[Source, ...]:
        """Whose numbers stand in it."""
        return tuple(dict.fromkeys(c.source for c in self.columns if c.source is not None))

    @property
    def heading(self) -> str:
        """The title with the sources of its numbers: a block is never without."""
        return f"{self.title} — {' | '.join(source.value for source in self.sources)}"

    @property
    def groups(self) -> tuple[tuple[str, int, int], ...]:
        """Runs of columns of one name behind the first: (name, first, last), counted from 1."""
        runs: list[tuple[str, int, int]] = []
        for position, column in enumerate(self.columns[1:], start=2):
            if runs and runs[-1][0] == column.name:
                runs[-1] = (column.name, runs[-1][1], position)
            else:
                runs.append((column.name, position, position))
        return tuple(runs)

    @property
    def marks(self) -> frozenset[int]:
        """The numbers of all notes that it refers to."""
        marked: list[Column | Cell] = [*self.columns, *(cell for row in self.rows for cell in row)]
        return frozenset(mark for one in marked for mark in one.marks)

    def renumbered(self, numbers: Mapping[int, int]) -> Panel:
        """With each mark replaced by what ``numbers`` has for it."""

        def anew(marks: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(numbers[mark] for mark in marks)

        return replace(
            self,
            columns=tuple(replace(one, marks=anew(one.marks)) for one in self.columns),
            rows=tuple(
                tuple(replace(cell, marks=anew(cell.marks)) for cell in row) for row in self.rows
            ),
        )

    def pieces(self, most_columns: int) -> list[Panel]:
        """The panel in as many as ``most_columns`` wide at most; a resource stays in one piece.

        A panel that is not side by side is one piece; so is a resource, however many its sources.
        """
        if len(self.columns) <= most_columns or not self.side_by_side:
            return [self]
        runs: list[list[int]] = []
        for _, first, last in self.groups:
            columns = list(range(first - 1, last))
            if not runs or 1 + len(runs[-1]) + len(columns) > most_columns:
                runs.append([])
            runs[-1] += columns
        pieces = []
        for run in runs:
            kept = [0, *run]
            names = ", ".join(dict.fromkeys(self.columns[i].name for i in run))
            pieces.append(
                replace(
                    self,
                    title=f"{self.title}: {names}",
                    columns=tuple(self.columns[i] for i in kept),
                    rows=tuple(tuple(row[i] for i in kept) for row in self.rows),
                )
            )
        return pieces

    def of_source(self, source: Source) -> Panel:
        """The columns of one source and of none; rows of which that source says nothing go."""
        kept = [i for i, c in enumerate(self.columns) if c.source in (None, source)]
        own = [i for i in kept if self.columns[i].source is not None]
        rows = [row for row in self.rows if any(row[i] != Cell("") for i in own)]
        return Panel(
            self.kind,
            self.title,
            tuple(self.columns[i] for i in kept),
            tuple(tuple(row[i] for i in kept) for row in rows),
            self.side_by_side,
        )


@dataclass(frozen=True)
class Explanation:
    """Why the numbers of ``source`` are not the paper's: at length, and ``brief`` (never empty)."""

    source: Source
    sentences: tuple[str, ...]
    brief: str


@dataclass(frozen=True)
class Page:
    """Everything a person reads: ``sources`` as (name, description), ``notes`` counted from 1."""

    title: str
    panels: tuple[Panel, ...]
    sources: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    explanations: tuple[Explanation, ...] = ()

    def of_panels(self, kinds: Collection[PanelKind]) -> Page:
        """The panels of some kinds alone, and the notes that these refer to, numbered anew."""
        panels = [panel for panel in self.panels if panel.kind in kinds]
        kept = sorted({mark for panel in panels for mark in panel.marks})
        numbers = {mark: number for number, mark in enumerate(kept, start=1)}
        return replace(
            self,
            panels=tuple(panel.renumbered(numbers) for panel in panels),
            notes=tuple(self.notes[mark - 1] for mark in kept),
        )
