"""A stand-in for ``pynq`` on a board with our overlay: a part, a DMA, memory. For tests only.

An overlay of FINN's is in finn_overlay.py.

The interface is pynq's (Overlay, allocate, channels of a DMA, register reads and writes), as far as
the engine uses it, and what it promises no more than that: a device sees what was flushed, and a
caller what was invalidated. The "bitstream" is an npz file of ``fake_bitstream``.

``PYNQ_STAND_IN_FAULT``: what goes wrong, ``<fault>`` or ``<fault>@<transfer, from 0>``:
``hang-send`` and ``hang-receive`` (that channel is never done), ``error`` (the receive channel
reports a slave error), ``short`` (a word is missing at the end), ``lost`` (both channels are done,
but nothing came), ``stuck`` (hangs, and not even a reset ends it).
``PYNQ_STAND_IN_LEDGER``: a file to which each buffer allocated and freed is added as a line, for
tests that look from another process.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from finn_flows.wire_packing import pack, unpack

FAULT, LEDGER = "PYNQ_STAND_IN_FAULT", "PYNQ_STAND_IN_LEDGER"
#: Images that the part holds in its layers.
HOLDS = 3
#: Looks at a status before a transfer is seen to be done.
_LOOKS = 3

_MM2S_DMACR, _MM2S_DMASR, _S2MM_DMASR, _S2MM_LENGTH = 0x00, 0x04, 0x34, 0x58
_HALTED, _IDLE, _SLAVE_ERROR, _RESET = 0x1, 0x2, 0x20, 0x4

#: Buffers that are allocated, and how many were in all.
live: list[Buffer] = []
allocated = 0
_LOWEST_ADDRESS, _ALIGNMENT = 3 << 32, 1 << 20


class Buffer(np.ndarray):
    """Memory that a device reads and writes behind the processor's caches."""

    shadow: np.ndarray
    busy: bool
    freed: bool
    address: int

    @property
    def device_address(self) -> int:
        """Where a device finds it: above 4 GB, so that the upper half counts, too."""
        return self.address

    def flush(self) -> None:
        self.shadow[:] = np.asarray(self)

    def invalidate(self) -> None:
        np.asarray(self)[:] = self.shadow

    def freebuffer(self) -> None:
        assert not self.freed, "a buffer was freed twice"
        assert not self.busy, "a buffer was freed while the DMA is at work in it"
        self.freed = True
        live[:] = [buffer for buffer in live if buffer is not self]
        _note("free", self.nbytes)


def allocate(shape: Any, dtype: Any = "u4") -> Buffer:
    """Memory with anything in it."""
    global allocated
    buffer = np.full(shape, 0xA5, dtype=dtype).view(Buffer)
    buffer.shadow = np.full(shape, 0x5A, dtype=dtype)
    buffer.busy = buffer.freed = False
    allocated += 1
    buffer.address = _LOWEST_ADDRESS + _ALIGNMENT * allocated
    live.append(buffer)
    _note("allocate", buffer.nbytes)
    return buffer


def _note(what: str, size: int) -> None:
    if os.environ.get(LEDGER):
        with Path(os.environ[LEDGER]).open("a") as file:
            file.write(f"{what} {os.getpid()} {size}\n")


class Overlay:
    """Programs the FPGA with what is in the file."""

    def __init__(self, bitfile_name: str) -> None:
        bitstream = Path(bitfile_name)
        if not bitstream.with_suffix(".hwh").is_file():
            raise OSError(f"no .hwh file beside {bitstream}")
        with np.load(bitstream) as content:
            facts = {name: content[name] for name in content.files}
        if "finn_input_words" in facts:
            from pynq.finn_overlay import FinnPart

            self.idma0, self.odma0 = FinnPart(facts).blocks
        else:
            self.part_0 = _Part(facts)
            self.dma = _Dma(self.part_0)


class _Registers:
    """The words of a part's registers, as MMIO.array shows them."""

    def __init__(self, part: _Part) -> None:
        self._part = part

    def __setitem__(self, index: int, value: int) -> None:
        self._part.write(index * 4, value)

    def __getitem__(self, index: int) -> int:
        return self._part.read(index * 4)


class _Mmio:
    def __init__(self, part: _Part) -> None:
        self.array = _Registers(part)


class _Part:
    """axilite_configuration.sv and the part behind it."""

    def __init__(self, facts: dict[str, np.ndarray]) -> None:
        import onnxruntime

        self._facts = facts
        self.mmio = _Mmio(self)
        self._session = onnxruntime.InferenceSession(
            facts["model"].tobytes(), providers=["CPUExecutionProvider"]
        )
        self._registers = {0x04: 7, 0x08: 0, 0x0C: 0}  # TLAST after 7 images, were it not set
        self._memory: dict[tuple[int, int], int] = {}
        self._expected = {
            (layer, address): data for layer, address, data in facts["configuration"].tolist()
        }

    def read(self, offset: int = 0) -> int:
        if offset == 0x00:
            return int(self._facts["identity"])
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == 0x10:
            self._memory[self._registers[0x08], self._registers[0x0C]] = value
            self._registers[0x0C] += 1
        elif offset in self._registers:
            self._registers[offset] = value

    def run(self, words: np.ndarray) -> np.ndarray | None:
        """One image; None while TLAST would not come with it."""
        if self._registers[0x04] != 1:
            return None
        model = self._session.get_inputs()[0]
        shape, bits, signed, bipolar = self._wire("input")
        image = unpack(words.reshape(1, -1), shape, bits, signed, bipolar)
        dtype = {"tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(int16)": np.int16}
        result = self._session.run(None, {model.name: image.astype(dtype[model.type])})[0]
        if self._memory != self._expected:
            result = np.zeros_like(result)  # weights that were not written
        _, bits, signed, bipolar = self._wire("output")
        return pack(result, bits, signed, bipolar)[0]

    def _wire(self, name: str) -> tuple[tuple[int, ...], int, bool, bool]:
        bits, signed, bipolar = self._facts[name + "_type"].tolist()
        return tuple(self._facts[name + "_shape"].tolist()), bits, bool(signed), bool(bipolar)


class _Channel:
    """pynq's: a transfer is started, then somebody looks until it is done."""

    def __init__(self, dma: _Dma) -> None:
        self._dma = dma
        self.buffer: Buffer | None = None
        self.status = 0
        self.looks = 0

    def transfer(self, array: Buffer) -> None:
        if self.buffer is not None:
            raise RuntimeError("DMA channel not idle")
        assert not array.freed
        array.busy = True
        self.buffer, self.status = array, 0
        self._dma.move()

    def done(self, status: int = _IDLE) -> None:
        assert self.buffer is not None
        self.buffer.busy = False
        self.buffer, self.status, self.looks = None, status, _LOOKS

    def look(self) -> int:
        self.looks -= 1
        return self.status if self.looks < 0 else 0

    def wait(self) -> None:
        raise AssertionError("pynq's wait has no end: nothing of ours may call it")


class _Dma:
    """Both channels and their registers."""

    def __init__(self, part: _Part) -> None:
        self._part = part
        self.sendchannel, self.recvchannel = _Channel(self), _Channel(self)
        self._length = 0
        self._transfer = 0
        self._stuck = False
        self._hangs = False
        #: Fault and result of the images that are in the part's layers.
        self._inside: deque[tuple[str | None, np.ndarray | None]] = deque()

    def read(self, offset: int = 0) -> int:
        if offset == _MM2S_DMASR:
            return self.sendchannel.look()
        if offset == _S2MM_DMASR:
            return self.recvchannel.look()
        if offset == _S2MM_LENGTH:
            return self._length
        return _RESET if offset == _MM2S_DMACR and self._stuck else 0

    def write(self, offset: int, value: int) -> None:
        if offset == _MM2S_DMACR and value & _RESET and not self._stuck:
            for channel in (self.sendchannel, self.recvchannel):
                if channel.buffer is not None:
                    channel.done(_HALTED)

    def move(self) -> None:
        """Images into the part while it has room, results out of it while there is a buffer."""
        while self._go_in() or self._come_out():
            pass

    def _go_in(self) -> bool:
        source = self.sendchannel.buffer
        if source is None or len(self._inside) >= HOLDS or self._hangs:
            return False
        fault = self._fault()
        self._transfer += 1
        self._stuck = fault == "stuck"
        if fault in ("hang-send", "stuck"):
            self._hangs = True
            return False
        result = self._part.run(source.shadow)
        self.sendchannel.done()
        self._inside.append((fault, result))
        return True

    def _come_out(self) -> bool:
        target = self.recvchannel.buffer
        if target is None or not self._inside or self._inside[0][1] is None:
            return False
        fault, result = self._inside[0]
        if fault == "hang-receive":
            return False
        self._inside.popleft()
        if fault == "error":
            self.recvchannel.done(_SLAVE_ERROR | _HALTED)
            return True
        if fault in ("short", "lost"):
            result = result[: -1 if fault == "short" else 0]
        target.shadow[: len(result)] = result
        self._length = result.nbytes
        self.recvchannel.done()
        return True

    def _fault(self) -> str | None:
        return fault_at(self._transfer)


def fault_at(transfer: int) -> str | None:
    """What is to go wrong with that transfer."""
    fault, _, at = os.environ.get(FAULT, "").partition("@")
    return fault if not at or int(at) == transfer else None


def buffer_at(address: int) -> Buffer:
    """The buffer there: a device that is given another address writes into somebody's memory."""
    (found,) = [buffer for buffer in live if buffer.device_address == address]
    return found
