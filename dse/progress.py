"""How a sweep shows that it gets on: a live bar on a terminal, one line per point elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dse.counted import counted
from dse.point_result import PointResult, PointState
from dse.sweep_build import Doing
from dse.sweep_driver import Progress
from finn_flows.backends.interface import Part

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
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
    """Seconds until the last shared step and point are finished, judged by the finished ones."""

    def __init__(self, to_build: int, workers: int) -> None:
        self._points = _Kind(to_build)
        self._steps = _Kind(0)
        self._workers = workers

    def steps_planned(self, count: int) -> None:
        """So many shared steps are to be done, too."""
        self._steps.left += count

    def step_finished(self, seconds: float) -> None:
        """A shared step finished that took ``seconds``."""
        self._steps.finished(seconds)

    def finished(self, seconds: float) -> None:
        """A point finished that took ``seconds``."""
        self._points.finished(seconds)

    def lost(self) -> None:
        """A point will not be built after all."""
        self._points.left -= 1

    @property
    def seconds(self) -> float | None:
        """None while no one of a kind that is left is finished, and before anything is.

        What remains shares the workers evenly.
        """
        if not self._points.durations and not self._steps.durations:
            return None
        total = 0.0
        for kind in (self._steps, self._points):
            if kind.left and not kind.durations:
                return None
            if kind.durations:
                rounds = -(-kind.left // self._workers)
                total += rounds * sum(kind.durations) / len(kind.durations)
        return total


class _Kind:
    """How many are left, and how many seconds each finished one took."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.durations: list[float] = []

    def finished(self, seconds: float) -> None:
        self.left -= 1
        self.durations.append(seconds)


class SilentProgress:
    """Shows nothing."""

    def started(self, backend: str, to_build: int, cached: int, workers: int) -> None:
        pass

    def planning(self) -> None:
        pass

    def planned(self, steps: int, error: str | None) -> None:
        pass

    def step_begun(self, name: str) -> None:
        pass

    def step_finished(self, name: str, seconds: float, error: str | None) -> None:
        pass

    def building(self, part: Part) -> None:
        pass

    def finished(self, result: PointResult, seconds: float | None) -> None:
        pass

    def doing(self, statuses: Sequence[Doing]) -> None:
        pass

    def note(self, line: str) -> None:
        pass


class LineProgress:
    """One line per built point and per shared step, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._to_build = 0
        self._done = 0
        #: What each build said last, and when it was printed.
        self._told: dict[str, tuple[str, float]] = {}

    def started(self, backend: str, to_build: int, cached: int, workers: int) -> None:
        self._to_build, self._done, self._told = to_build, 0, {}
        if to_build:
            self._print(
                f"{backend}: {counted(to_build, 'point')} to build on "
                f"{counted(workers, 'worker')}, {cached} known"
            )

    def planning(self) -> None:
        pass

    def planned(self, steps: int, error: str | None) -> None:
        if error is not None:
            self._print(_plan_line(error))
        elif steps:
            come = "comes" if steps == 1 else "come"
            self._print(f"{counted(steps, 'step')} that points share {come} first")

    def step_begun(self, name: str) -> None:
        pass

    def step_finished(self, name: str, seconds: float, error: str | None) -> None:
        self._print(_step_line(name, seconds, error))

    def building(self, part: Part) -> None:
        pass

    def finished(self, result: PointResult, seconds: float | None) -> None:
        self._done += 1
        self._print(f"[{self._done}/{self._to_build}] {_line(result, seconds)}")

    def doing(self, statuses: Sequence[Doing]) -> None:
        now = time.monotonic()
        # What is not running any more is forgotten; it may be tried again.
        self._told = {one.name: self._told[one.name] for one in statuses if one.name in self._told}
        for one in statuses:
            before = self._told.get(one.name)
            if before is None or (one.status != before[0] and now - before[1] >= _STATUS_SECONDS):
                self._told[one.name] = one.status, now
                self._print(_doing_line(one))

    def note(self, line: str) -> None:
        self._print(line)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class BarProgress:
    """A bar with the count, the points being built and the time left; below it what they are at."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live
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
            auto_refresh=False,
        )
        self._doing: Sequence[Doing] = ()
        self._live = Live(
            console=console,
            get_renderable=self._shown,
            refresh_per_second=10,
            transient=True,
        )
        self._task: TaskID | None = None
        self._backend = ""
        self._current: list[str] = []
        self._time_left = TimeLeft(0, 1)

    def __enter__(self) -> BarProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, backend: str, to_build: int, cached: int, workers: int) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._doing = ()
        if not to_build:
            return
        self._backend = backend
        self._current = []
        self._time_left = TimeLeft(to_build, workers)
        self._task = self._bar.add_task("", total=to_build, left=backend)
        self._live.start()

    def planning(self) -> None:
        self._current.append(_PLAN)
        self._show(advance=0)

    def planned(self, steps: int, error: str | None) -> None:
        self._current.remove(_PLAN)
        self._time_left.steps_planned(steps)
        self._show(advance=0, more=steps)
        if error is not None:
            self._print(_plan_line(error))

    def step_begun(self, name: str) -> None:
        self._current.append(name)
        self._show(advance=0)

    def step_finished(self, name: str, seconds: float, error: str | None) -> None:
        self._current.remove(name)
        self._time_left.step_finished(seconds)
        self._show(advance=1)
        if error is not None:
            self._print(_step_line(name, seconds, error))

    def building(self, part: Part) -> None:
        self._current.append(str(part))
        self._show(advance=0)

    def finished(self, result: PointResult, seconds: float | None) -> None:
        if seconds is None:
            self._time_left.lost()
        else:
            self._current.remove(str(result.part))
            self._time_left.finished(seconds)
        self._show(advance=1)
        if result.state is PointState.FAILED:
            self._print(_line(result, seconds))

    def doing(self, statuses: Sequence[Doing]) -> None:
        self._doing = statuses

    def note(self, line: str) -> None:
        self._print(line)

    def _shown(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        lines = [
            Text(f"  {_doing_line(one)}", no_wrap=True, overflow="ellipsis") for one in self._doing
        ]
        return Group(self._bar, *lines)

    def _show(self, advance: int, more: int = 0) -> None:
        if self._task is None:
            return
        if more:
            [total] = [task.total or 0 for task in self._bar.tasks if task.id == self._task]
            self._bar.update(self._task, total=total + more)
        seconds = self._time_left.seconds
        left = self._backend if seconds is None else f"about {_duration(seconds)} left"
        self._bar.update(
            self._task, advance=advance, description="; ".join(self._current), left=left
        )

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


#: Least time between two lines of a log on what one build is at.
_STATUS_SECONDS = 30.0
#: What is shown while a backend is asked for the steps that points share.
_PLAN = "looking for what the points share"


def _line(result: PointResult, seconds: float | None) -> str:
    if result.state is PointState.FAILED:
        return f"{result.part}: failed: {result.record.error}"
    assert seconds is not None  # only a point that failed did not begin
    return f"{result.part}: {_duration(seconds)}"


def _step_line(name: str, seconds: float, error: str | None) -> str:
    if error is not None:
        return f"failed: {error}"
    return f"{name}: {_duration(seconds)}"


def _doing_line(one: Doing) -> str:
    return f"{one.name}, {_duration(one.seconds)}: {one.status}"


def _plan_line(error: str) -> str:
    return f"each point does for itself what it shares with others: {error}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
