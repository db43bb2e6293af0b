"""How `dse plan` shows that it gets on: on a terminal a line that changes, elsewhere nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dse.plan.explain import OnStep


@contextmanager
def plan_progress(*, quiet: bool) -> Iterator[OnStep]:
    """What to tell of each step; writes to stderr, nothing at all if ``quiet``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda text, done, total: None
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("the best plan", total=None)

        def on_step(text: str, done: int, total: int) -> None:
            bar.update(task, description=text, completed=done, total=total)

        yield on_step
