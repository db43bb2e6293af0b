"""How a deployment shows that it gets on: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class DeployProgress:
    """Takes what happens; shows nothing. Methods may be called in any thread."""

    def step(self, text: str) -> None:
        """Another step of setting up has begun."""

    def stage(self, position: int, state: str) -> None:
        """A stage has changed its state."""

    def runs(self, runs: int, images: int) -> None:
        """``runs`` timed runs of ``images`` images follow, behind a warm-up."""

    def run(self, run: int, received: int) -> None:
        """So many results of a run (0: the warm-up) have come."""


class LineProgress(DeployProgress):
    """A line for each step and each stage that is ready."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stage(self, position: int, state: str) -> None:
        if state in ("ready", "running"):
            self.step(f"stage {position}: {state}")


class LiveProgress(DeployProgress):
    """A line that changes: the stages while they are set up, then a bar over runs and images."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        self._stages: dict[int, str] = {}
        self._images = 0

    def __enter__(self) -> LiveProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, text: str) -> None:
        self._bar.update(self._task, description=text)

    def stage(self, position: int, state: str) -> None:
        self._stages[position] = state
        said = ", ".join(f"{at} {word}" for at, word in sorted(self._stages.items()))
        self._bar.update(self._task, description=f"stages: {said}")

    def runs(self, runs: int, images: int) -> None:
        self._images = images
        self._bar.update(self._task, total=(runs + 1) * images, completed=0)

    def run(self, run: int, received: int) -> None:
        what = f"run {run}" if run else "warm-up"
        self._bar.update(
            self._task, description=what, completed=run * self._images + max(received, 0)
        )


@contextmanager
def deploy_progress(*, quiet: bool) -> Iterator[DeployProgress]:
    """For stderr; nothing at all if ``quiet``."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield DeployProgress()
    elif console.is_terminal:
        with LiveProgress(console) as live:
            yield live
    else:
        yield LineProgress(console)
