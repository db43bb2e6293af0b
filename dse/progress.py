"""How a sweep shows that it gets on: a live bar on a terminal, one line per point elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dse.sweep_driver import PointResult, PointState, Progress
from finn_flows.backends.interface import Part

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


@contextmanager
def sweep_progress(*, quiet: bool) -> Iterator[Progress]:
    """What to give to :func:`dse.sweep`; writes to stderr, nothing at all if ``quiet``."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield SilentProgress()
    elif console.is_terminal:
        with BarProgress(console) as bar:
            yield bar
    else:
        yield LineProgress(console)


class TimeLeft:
    """Seconds until the last point is finished, judged by the finished ones."""

    def __init__(self, to_build: int, workers: int) -> None:
        self._left = to_build
        self._workers = workers
        self._seconds: list[float] = []

    def finished(self, seconds: float) -> None:
        """A point finished that took ``seconds``."""
        self._left -= 1
        self._seconds.append(seconds)

    @property
    def seconds(self) -> float | None:
        """None while no point is finished. The remaining points share the workers evenly."""
        if not self._seconds:
            return None
        rounds = -(-self._left // self._workers)
        return rounds * sum(self._seconds) / len(self._seconds)


class SilentProgress:
    """Shows nothing."""

    def started(self, to_build: int, cached: int, workers: int) -> None:
        pass

    def building(self, part: Part) -> None:
        pass

    def finished(self, result: PointResult, seconds: float) -> None:
        pass


class LineProgress:
    """One line per built point, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._to_build = 0
        self._done = 0

    def started(self, to_build: int, cached: int, workers: int) -> None:
        self._to_build = to_build
        if to_build:
            self._print(f"{to_build} points to build on {workers} workers, {cached} known")

    def building(self, part: Part) -> None:
        pass

    def finished(self, result: PointResult, seconds: float) -> None:
        self._done += 1
        self._print(f"[{self._done}/{self._to_build}] {_line(result, seconds)}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class BarProgress:
    """A bar with the count, the points being built and the time left."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        self._console = console
        self._bar: Bar = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn(
                "{task.description}",
                markup=False,
                # One line, however many points are being built.
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            expand=True,
            transient=True,
        )
        self._task: TaskID | None = None
        self._current: list[str] = []
        self._time_left = TimeLeft(0, 1)

    def __enter__(self) -> BarProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def started(self, to_build: int, cached: int, workers: int) -> None:
        if not to_build:
            return
        self._time_left = TimeLeft(to_build, workers)
        self._task = self._bar.add_task("", total=to_build, left="")
        self._bar.start()

    def building(self, part: Part) -> None:
        self._current.append(str(part))
        self._show(advance=0)

    def finished(self, result: PointResult, seconds: float) -> None:
        self._current.remove(str(result.part))
        self._time_left.finished(seconds)
        self._show(advance=1)
        if result.state is PointState.FAILED:
            self._console.print(
                _line(result, seconds), markup=False, highlight=False, soft_wrap=True
            )

    def _show(self, advance: int) -> None:
        if self._task is None:
            return
        seconds = self._time_left.seconds
        self._bar.update(
            self._task,
            advance=advance,
            description="; ".join(self._current),
            left="" if seconds is None else f"about {_duration(seconds)} left",
        )


def _line(result: PointResult, seconds: float) -> str:
    if result.state is PointState.FAILED:
        return f"{result.part}: failed: {result.record.error}"
    return f"{result.part}: {_duration(seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
