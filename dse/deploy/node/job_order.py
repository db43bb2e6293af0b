"""In which order frames may come: the one rule book of a stage's input and of the client's.

Per hop and epoch: jobs with rising numbers, one after the other; in each a BEGIN, its chunks with
sequence 0, 1, 2, ... and an END, or a FAIL at any point in place of the rest.
"""

from __future__ import annotations

from dse.deploy.node.frames import BEGIN, DATA, END, FAIL, Frame, FrameError

#: Between two jobs.
IDLE = "idle"
#: In a job: its chunks are computed.
RUNNING = "running"
#: In a job that failed here: its remaining frames are dropped.
DRAINING = "draining"


class OutOfOrder(FrameError):
    """A frame that may not come now: of another epoch, an earlier job, or another sequence."""


class JobOrder:
    """What may come next. ``state``: IDLE, RUNNING or DRAINING; ``job``: the current or last job;
    ``chunks``: how many it has; ``next_sequence``: how many of them came; ``failed_here``: whether
    it failed at this place, so that its end was told already."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.state = IDLE
        self.job = 0
        self.chunks = 0
        self.next_sequence = 0
        self.failed_here = False

    def admit(self, frame: Frame) -> None:
        """Take ``frame`` into account. OutOfOrder, with no change of state, if it may not come."""
        kind = frame.kind
        if frame.epoch != self.epoch:
            raise OutOfOrder(f"{frame} in epoch {self.epoch}")
        if kind == DATA:
            if (
                self.state == IDLE
                or frame.job != self.job
                or frame.sequence != self.next_sequence
                or frame.sequence + frame.chunks > self.chunks
            ):
                raise self._unexpected(frame)
            self.next_sequence += frame.chunks
        elif kind == BEGIN:
            if self.state != IDLE or frame.job <= self.job:
                raise self._unexpected(frame)
            self.state = RUNNING
            self.job, self.chunks, self.next_sequence = frame.job, frame.sequence, 0
            self.failed_here = False
        elif kind == END:
            if (
                self.state == IDLE
                or frame.job != self.job
                or not frame.sequence == self.chunks == self.next_sequence
            ):
                raise self._unexpected(frame)
            self.state = IDLE
        elif kind == FAIL:
            if self.state == IDLE or frame.job != self.job:
                raise self._unexpected(frame)
            self.state = IDLE
        else:
            raise self._unexpected(frame)

    def fail_here(self) -> None:
        """The current job has failed at this place: what is left of it will be dropped."""
        self.state = DRAINING
        self.failed_here = True

    def _unexpected(self, frame: Frame) -> OutOfOrder:
        if self.state == IDLE:
            expected = f"BEGIN of a job after {self.job}"
        else:
            expected = f"sequence {self.next_sequence} of {self.chunks} of job {self.job}"
        return OutOfOrder(f"{frame}", expected=expected)
