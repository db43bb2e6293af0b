"""A part on the FPGA of a PYNQ board: an overlay with the part and a DMA.

Names of blocks are those of finn_flows/circuit/templates/overlay.tcl.j2, registers of the part
those of finn_flows/rtl/axilite_configuration.sv, registers of the DMA those of Xilinx' PG021.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque

import numpy as np

from dse.deploy.node.engines.image_codec import decode_image
from dse.deploy.node.engines.interface import Engine
from dse.errors import DseError

DMA, PART = "dma", "part_0"

# Of the part, byte addresses.
IDENTITY = 0x00
IMAGES_PER_TRANSFER = 0x04
LAYER = 0x08
ADDRESS = 0x0C
DATA = 0x10

# Of the DMA, byte addresses.
SEND_CONTROL = 0x00
SEND_STATUS = 0x04
RECEIVE_STATUS = 0x34
RECEIVE_LENGTH = 0x58  # after a transfer: the bytes that came
RESET = 0x4  # of SEND_CONTROL; holds for both channels, and clears itself
HALTED, IDLE = 0x1, 0x2
#: Bits of a status that mean a transfer failed, and what they say.
ERRORS = {0x10: "internal error", 0x20: "slave error", 0x40: "address decode error"}

_RESET_SECONDS = 0.1


class TransferError(DseError):
    """An image did not get through the FPGA: the DMA failed, or nothing came in time."""


class PynqEngine(Engine):
    """``files``: ``overlay.bit``, ``overlay.hwh`` and, unless weights are in the bitstream,
    ``configuration.bin`` (docs/formats.md)."""

    #: More images than any part of CnvW2A2 holds at a time: its layers are never without one.
    depth = 8

    def __init__(self) -> None:
        self._dma: Any = None
        self._buffers: list[Any] = []
        self._on_the_way = 0  # images given whose result has not come
        self._is_sending = False
        self._is_receiving = False
        self._results: Deque[bytes] = deque()

    def load(self, folder: Path, stage: dict[str, Any]) -> None:
        """See Engine. Programs the FPGA, writes weights and thresholds, allocates both buffers."""
        try:
            import pynq  # type: ignore[import-not-found]  # only boards have it
        except ImportError as error:
            raise DseError("the pynq engine needs pynq: %s" % error) from error
        parameters = stage["parameters"]
        bitstream = folder / parameters["bitstream"]
        try:
            overlay = pynq.Overlay(str(bitstream))
            part, self._dma = getattr(overlay, PART), getattr(overlay, DMA)
        except (AttributeError, OSError, RuntimeError, ValueError) as error:
            raise DseError("cannot be loaded: %s" % error, where=bitstream) from error
        identity = part.read(IDENTITY)
        if identity != parameters["identity"]:
            raise DseError(
                "the part on the FPGA says that it is %#010x" % identity,
                where=bitstream,
                expected="%#010x" % parameters["identity"],
            )
        if parameters["configuration"] is not None:
            data = (folder / parameters["configuration"]).read_bytes()
            configure(part.mmio.array, np.frombuffer(data, dtype="<u4").reshape(-1, 3))
        part.write(IMAGES_PER_TRANSFER, 1)
        self._input, self._output = stage["input"], stage["output"]
        for wire in (self._input, self._output):
            words = wire["bytes_per_image"] // 8
            self._buffers.append(pynq.allocate((words,), dtype=np.uint64))
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
        decode_image(payload, self._input)  # the circuit would take values that are none
        self._wait(lambda: not self._is_sending)
        self._source[:] = np.frombuffer(payload, dtype="<u8")
        self._source.flush()
        self._on_the_way += 1
        # The receiver first: the part need not hold a whole result.
        self._receive_next()
        self._dma.sendchannel.transfer(self._source)
        self._is_sending = True

    def take(self) -> bytes:
        """See Engine. Raises TransferError where it does not come whole and in time."""
        self._wait(lambda: bool(self._results))
        return self._results.popleft()

    def close(self) -> None:
        """See Engine. The DMA is reset before its memory goes: it may still be at work in it.

        If the reset does not end, the memory is left to the system, which takes it back with the
        process.
        """
        self._source = self._target = None
        buffers, self._buffers = self._buffers, []
        if self._dma is not None and not self._reset():
            return
        self._dma = None
        for buffer in buffers:
            buffer.freebuffer()

    def _reset(self) -> bool:
        """Whether the DMA has stopped."""
        self._dma.write(SEND_CONTROL, RESET)
        end = time.monotonic() + _RESET_SECONDS
        while self._dma.read(SEND_CONTROL) & RESET:
            if time.monotonic() > end:
                return False
            time.sleep(0)
        return True

    def _wait(self, is_enough: Callable[[], bool]) -> None:
        """Until ``is_enough``. Never pynq's own wait, which has no end."""
        end = time.monotonic() + self._seconds
        while True:
            late = time.monotonic() > end  # before the look: a look after the end counts
            # Both, always: a part whose results nobody takes does not take images either.
            if self._is_sending and self._is_done("send", SEND_STATUS):
                self._is_sending = False
            if self._is_receiving and self._is_done("receive", RECEIVE_STATUS):
                self._fetch()
            if is_enough():
                return
            if late:
                # An image that does not go in is why no result comes out, if both are late.
                name = "send" if self._is_sending else "receive"
                raise TransferError(
                    "the %s channel of the DMA is not done after %g s" % (name, self._seconds)
                )
            time.sleep(0)  # lets the threads of the network run

    def _receive_next(self) -> None:
        """Have the DMA wait for the next result, if one is due."""
        if self._on_the_way and not self._is_receiving:
            self._dma.recvchannel.transfer(self._target)
            self._is_receiving = True

    def _fetch(self) -> None:
        """A result is in its buffer: keep it, and make room for the next."""
        received = self._dma.read(RECEIVE_LENGTH)
        if received != self._target.nbytes:
            raise TransferError(
                "the receive channel of the DMA ended after %d bytes" % received,
                expected="%d" % self._target.nbytes,
            )
        self._target.invalidate()
        self._results.append(self._target.tobytes())
        self._on_the_way -= 1
        self._is_receiving = False
        self._receive_next()

    def _is_done(self, name: str, register: int) -> bool:
        status = self._dma.read(register)
        for bit, what in ERRORS.items():
            if status & bit:
                raise TransferError("the %s channel of the DMA: %s" % (name, what))
        if status & HALTED:
            raise TransferError("the %s channel of the DMA has halted" % name)
        return bool(status & IDLE)


def configure(registers: Any, writes: np.ndarray) -> None:
    """Write weights and thresholds through a part's registers.

    ``registers``: them as 32-bit words, in memory. ``writes``: uint32 (writes, 3): layer number,
    address, data. Layer and address are written where they do not follow from the line before.
    """
    last_layer = next_address = -1
    for layer, address, data in writes.tolist():
        if layer != last_layer:
            registers[LAYER // 4] = last_layer = layer
        if address != next_address:
            registers[ADDRESS // 4] = address
        registers[DATA // 4] = data
        next_address = address + 1
