"""A stage whose results can be checked, and that fails in the way that it is told to.

The first 8 bytes of a chunk are the number of its job and its sequence, as its sender counts them
(u32, little-endian); they go through. The other bytes of a result are made of the chunk's others,
in a way that depends on the stage. This file is also the program that runs on the board.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.fard import FardJob, FardTaskContainer

HEAD = struct.Struct("<II")
RECORD = struct.Struct("<III")
NEVER = 2**32 - 1


def result_of(chunk: bytes, position: int, output_bytes: int) -> bytes:
    """What stage ``position`` makes of ``chunk``."""
    table = bytes((value * 5 + position + 1) & 255 for value in range(256))
    rest = chunk[HEAD.size :].translate(table) or bytes(1)
    wanted = output_bytes - HEAD.size
    return chunk[: HEAD.size] + (rest * (wanted // len(rest) + 1))[:wanted]


class FaultyStage(FardJob):
    """``config``: ``delay_seconds`` for each chunk; ``record``: file to which job, sequence and
    epoch of every chunk that it computes are added; ``fault``: ``kind``, ``job``, ``sequence``
    (NEVER for both: in setup)."""

    def setup(self) -> None:
        pipeline = self.config.pipeline
        self._position, self._output = pipeline.position, pipeline.output_bytes
        self._epoch = pipeline.epoch
        self._delay = self.config.delay_seconds
        self._record = os.open(self.config.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        fault = self.config.fault
        self._kind, self._at = fault.kind, (fault.job, fault.sequence)
        if self._kind != "none" and self._at == (NEVER, NEVER):
            self._fail(b"")

    def process(self, chunk: memoryview) -> bytes:
        data = bytes(chunk)
        job, sequence = HEAD.unpack_from(data)
        os.write(self._record, RECORD.pack(job, sequence, self._epoch))
        if self._delay:
            time.sleep(self._delay)
        result = result_of(data, self._position, self._output)
        if self._kind != "none" and (job, sequence) == self._at:
            return self._fail(result)
        return result

    def _fail(self, result: bytes) -> bytes:
        failing: Callable[[bytes], bytes] = getattr(self, "_" + self._kind)
        return failing(result)

    def _poison(self, result: bytes) -> bytes:
        raise PoisonedInput("a value that is out of range")

    def _raise(self, result: bytes) -> bytes:
        raise ArithmeticError("a mistake in the stage")

    def _exit(self, result: bytes) -> bytes:
        sys.exit(3)

    def _exit_at_once(self, result: bytes) -> bytes:
        os._exit(3)

    def _exit_in_peace(self, result: bytes) -> bytes:
        os._exit(0)

    def _short(self, result: bytes) -> bytes:
        return result[:-1]

    def _loop(self, result: bytes) -> bytes:
        while True:
            try:
                while True:
                    pass
            except BaseException:  # SIGTERM's, too
                continue

    def _sleep(self, result: bytes) -> bytes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1e6)
        return result

    def _lock(self, result: bytes) -> bytes:
        """Waits in the kernel for a lock that another process holds."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        lock = Path(__file__).with_name("lock")
        code = "import fcntl,time,sys;f=open(sys.argv[1],'w');fcntl.flock(f,2);print(1,flush=True)"
        holder = subprocess.Popen(
            [sys.executable, "-c", code + ";time.sleep(1e6)", str(lock)], stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
        return result

    def _kill(self, result: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    def _segfault(self, result: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGSEGV)
        return result

    def _pause(self, result: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGSTOP)
        return result

    def _leave_a_program(self, result: bytes) -> bytes:
        """One in its group that outlives it, if nobody ends it."""
        subprocess.Popen(["sleep", "1000"])
        os._exit(3)

    def _close_everything(self, result: bytes) -> bytes:
        """All connections, the one to its manager, too: and goes on."""
        os.closerange(3, 200)
        time.sleep(1e6)
        return result


def fault(kind: str = "none", job: int = NEVER, sequence: int = NEVER) -> dict[str, Any]:
    """For the stage's configuration."""
    return {"kind": kind, "job": job, "sequence": sequence}


if __name__ == "__main__":
    FardTaskContainer(FaultyStage()).execute()
