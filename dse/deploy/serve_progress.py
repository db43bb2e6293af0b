"""How a service shows what it does: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

#: Over how many seconds the rate is taken.
_RATE_SECONDS = 10.0


class ServeProgress:
    """Counts jobs, images and failures, and shows nothing."""

    def __init__(self) -> None:
        self.jobs = 0
        self.images = 0
        self.failures = 0
        self._began = time.monotonic()
        self._done: deque[tuple[float, int]] = deque()

    @property
    def images_per_second(self) -> float:
        """Of the last 10 s, or of as long as it serves."""
        now = time.monotonic()
        seconds = min(_RATE_SECONDS, now - self._began)
        while self._done and now - self._done[0][0] > _RATE_SECONDS:
            self._done.popleft()
        images = sum(count for _, count in self._done)
        return images / seconds if seconds else 0.0

    def done(self, images: int) -> None:
        """A job is done."""
        self.jobs += 1
        self.images += images
        self._done.append((time.monotonic(), images))
        self.tick()

    def failed(self, reason: str) -> None:
        """A job failed, or the pipeline while there was none."""
        self.failures += 1
        self.note(reason)
        self.tick()

    def note(self, text: str) -> None:
        """Something to be read."""

    def tick(self) -> None:
        """Some time has passed."""

    def summary(self) -> str:
        """What it did."""
        return ", ".join(
            f"{count} {what}{'' if count == 1 else 's'}"
            for count, what in (
                (self.jobs, "job"),
                (self.images, "image"),
                (self.failures, "failure"),
            )
        )


class LineServeProgress(ServeProgress):
    """A line for each note."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveServeProgress(LineServeProgress):
    """Notes, and below them a line that changes."""

    def __init__(self, console: Console, status: Status) -> None:
        super().__init__(console)
        self._status = status

    def tick(self) -> None:
        self._status.update(f"{self.summary()}, {self.images_per_second:.1f} images/s")


@contextmanager
def serve_progress(*, quiet: bool) -> Iterator[ServeProgress]:
    """For stderr; nothing at all if ``quiet``. Says at the end what was done."""
    from rich.console import Console

    if quiet:
        yield ServeProgress()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        line = LineServeProgress(console)
        try:
            yield line
        finally:
            line.note(line.summary())
        return
    with console.status("waiting for jobs") as status:
        live = LiveServeProgress(console, status)
        try:
            yield live
        finally:
            live.note(live.summary())
