"""A contestant with its client in a process of its own: what the others' threads do there cannot
slow it down, and what ends it ends nobody else."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from bench.transport.contestant import Batch, Contestant, reply


class ContestantProcess:
    """A context manager: up from entering to leaving.

    RuntimeError, with what the process said of it, if it cannot be brought up.
    """

    def __init__(self, contestant: Contestant, batch: Batch) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(contestant, batch, theirs))
        self._process.start()
        theirs.close()

    def __enter__(self) -> ContestantProcess:
        try:
            self._answer()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def batch_ns(self, warm: int, timed: int) -> NDArray[np.int64]:
        """Nanoseconds of each of ``timed`` batches, int64, after ``warm`` that are not counted.

        RuntimeError if a batch fails or the last one's results are wrong.
        """
        self._pipe.send((warm, timed))
        answer: NDArray[np.int64] = self._answer()
        return answer

    def _answer(self) -> NDArray[np.int64]:
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a contestant ended") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return np.asarray(answer)

    def _end(self) -> None:
        self._pipe.close()
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(contestant: Contestant, batch: Batch, pipe: Connection) -> None:
    expected = [reply(1, batch.result_bytes)] * batch.images
    try:
        with contestant(batch) as run:
            pipe.send(())
            while True:
                try:
                    warm, timed = pipe.recv()
                except EOFError:
                    return
                for _ in range(warm):
                    run()
                elapsed = []
                for _ in range(timed):
                    began = time.perf_counter_ns()
                    results = run()
                    elapsed.append(time.perf_counter_ns() - began)
                if [bytes(one) for one in results] != expected:  # not timed
                    raise RuntimeError("results are wrong")
                pipe.send(elapsed)
    except Exception as error:
        pipe.send(f"{contestant.__name__}: {type(error).__name__}: {error}")
