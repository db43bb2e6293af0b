"""A part on the FPGA of a PYNQ board: an overlay of ours, or one of FINN's."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Optional, Type

from dse.deploy.node.engines.finn_circuit import FinnCircuit
from dse.deploy.node.engines.interface import Engine
from dse.deploy.node.engines.own_circuit import OwnCircuit
from dse.deploy.node.engines.pynq_circuit import PynqCircuit, TransferError
from dse.errors import DseError

__all__ = ["CIRCUITS", "PynqEngine", "TransferError"]

#: By what ``parameters["overlay"]`` says.
CIRCUITS: Dict[str, Type[PynqCircuit]] = {"split-dse": OwnCircuit, "finn": FinnCircuit}


class PynqEngine(Engine):
    """``files``: those of the stage's kind of overlay (docs/formats.md)."""

    #: More images than any part of CnvW2A2 holds at a time: its layers are never without one.
    depth = 8

    def __init__(self) -> None:
        self._circuit: Optional[PynqCircuit] = None
        self._buffers: list[Any] = []
        self._on_the_way = 0  # images given whose result has not come
        self._is_sending = False
        self._is_receiving = False
        self._results: Deque[bytes] = deque()

    def load(self, folder: Path, stage: dict[str, Any]) -> None:
        """See Engine. Programs the FPGA, makes the part ready, allocates both buffers."""
        try:
            import pynq  # type: ignore[import-not-found]  # only boards have it
        except ImportError as error:
            raise DseError("the pynq engine needs pynq: %s" % error) from error
        parameters = stage["parameters"]
        kind = CIRCUITS[parameters["overlay"]]
        bitstream = folder / parameters["bitstream"]
        try:
            overlay = pynq.Overlay(str(bitstream))
            blocks = [getattr(overlay, name) for name in kind.blocks(parameters)]
        except (AttributeError, OSError, RuntimeError, ValueError) as error:
            raise DseError("cannot be loaded: %s" % error, where=bitstream) from error
        self._circuit = circuit = kind(blocks, folder, stage)
        for length in circuit.lengths:
            self._buffers.append(pynq.allocate((length,), dtype=circuit.dtype))
        self._source, self._target = self._buffers
        self._seconds = float(parameters["transfer_seconds"])

    def compute(self, payload: memoryview) -> bytes:
        """See Engine. Raises TransferError where the image does not come back whole and in time."""
        self.give(payload)
        return self.take()

    def give(self, payload: memoryview) -> None:
        """See Engine. Returns when the image before has left its buffer and this one is on its way
        into the part, which may still be at work on others. Raises TransferError where the part
        does not take it in time."""
        assert self._circuit is not None
        image = self._circuit.to_memory(payload)
        self._wait(lambda: not self._is_sending)
        self._source[:] = image
        self._source.flush()
        self._on_the_way += 1
        # The receiver first: the part need not hold a whole result.
        self._receive_next()
        self._circuit.send(self._source)
        self._is_sending = True

    def take(self) -> bytes:
        """See Engine. Raises TransferError where it does not come whole and in time."""
        self._wait(lambda: bool(self._results))
        return self._results.popleft()

    def close(self) -> None:
        """See Engine. The DMA is stopped before its memory goes: it may still be at work in it.

        If it does not stop, the memory is left to the system, which takes it back with the
        process.
        """
        self._source = self._target = None
        buffers, self._buffers = self._buffers, []
        if self._circuit is not None and not self._circuit.stop():
            return
        self._circuit = None
        for buffer in buffers:
            buffer.freebuffer()

    def _wait(self, is_enough: Callable[[], bool]) -> None:
        """Until ``is_enough``. Never pynq's own wait, which has no end."""
        assert self._circuit is not None
        end = time.monotonic() + self._seconds
        while True:
            late = time.monotonic() > end  # before the look: a look after the end counts
            # Both, always: a part whose results nobody takes does not take images either.
            if self._is_sending and self._circuit.is_sent():
                self._is_sending = False
            if self._is_receiving and self._circuit.is_received(self._target):
                self._fetch()
            if is_enough():
                return
            if late:
                # An image that does not go in is why no result comes out, if both are late.
                name = self._circuit.sender if self._is_sending else self._circuit.receiver
                raise TransferError("%s is not done after %g s" % (name, self._seconds))
            time.sleep(0)  # lets the threads of the network run

    def _receive_next(self) -> None:
        """Have the DMA wait for the next result, if one is due."""
        if self._on_the_way and not self._is_receiving:
            assert self._circuit is not None
            self._circuit.receive(self._target)
            self._is_receiving = True

    def _fetch(self) -> None:
        """A result is in its buffer: keep it, and make room for the next."""
        assert self._circuit is not None
        self._target.invalidate()
        self._results.append(self._circuit.from_memory(self._target))
        self._on_the_way -= 1
        self._is_receiving = False
        self._receive_next()
