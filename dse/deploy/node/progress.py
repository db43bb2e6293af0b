"""What a stage's compute thread says of itself, in memory that the node manager reads.

The compute thread alone writes it, so a hung or stopped computation shows: its counter stands
still. Writing costs no system call.
"""

from __future__ import annotations

import mmap
import os
from typing import NamedTuple

LOADING = 1
LINKING = 2
WAITING = 3
COMPUTING = 4
SENDING = 5
READY = 6
UNWATCHED = 7

STATE_NAMES = {
    0: "starting",
    LOADING: "loading",
    LINKING: "linking",
    WAITING: "waiting for input",
    COMPUTING: "computing",
    SENDING: "waiting to send",
    READY: "ready",
    UNWATCHED: "running",
}

#: A record of three words: the counter; the job; the sequence, and in its upper half the state.
_STATE_SHIFT = 32
_BYTES = mmap.PAGESIZE


class ProgressReading(NamedTuple):
    """``counter`` rises whenever the thread does anything; ``job``, ``sequence``: what it is at."""

    counter: int
    job: int
    sequence: int
    state: int

    @property
    def state_name(self) -> str:
        """In words."""
        return STATE_NAMES.get(self.state, "unknown")


class Progress:
    """Shared by the two processes through the file descriptor ``fd``."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, _BYTES)
        # Of this machine's byte order: both processes are on it. A word is written at once, and
        # assigning it is quicker than packing a record.
        self._words = memoryview(self._memory).cast("Q")
        self._counter = 0
        self.job = 0
        self.sequence = 0

    @classmethod
    def create(cls) -> Progress:
        """A new one, in anonymous memory: nothing is left behind, whoever dies."""
        fd = os.memfd_create("dse-progress")
        os.ftruncate(fd, _BYTES)
        return cls(fd)

    def report(self, state: int) -> None:
        """The compute thread is in ``state``, and has moved."""
        self._counter += 1
        words = self._words
        words[1] = self.job
        words[2] = self.sequence | state << _STATE_SHIFT
        words[0] = self._counter

    def read(self) -> ProgressReading:
        """What was reported last. Not atomic: ``job`` and ``sequence`` are for people."""
        counter, job, rest = self._words[:3]
        return ProgressReading(counter, job, rest & 0xFFFFFFFF, rest >> _STATE_SHIFT)

    def close(self) -> None:
        """Give the memory back."""
        self._words.release()
        self._memory.close()
        os.close(self.fd)
