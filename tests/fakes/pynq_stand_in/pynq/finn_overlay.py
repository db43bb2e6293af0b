"""An overlay of FINN's: two DMA blocks, HLS kernels each, and the part's layers between them.

Registers are those that FINN's driver writes: control at 0x00 (start, done, idle), the address of
the buffer at 0x10 and 0x14, the number of images at 0x1C. Values lie in memory as FINN packs them;
that is done here with Python's integers, not with the code under test. Faults are those of the
other overlay that an HLS kernel can have: ``hang-send``, ``hang-receive``.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from pynq import HOLDS, Buffer, buffer_at, fault_at
from pynq.ps import Clocks

_START, _DONE, _IDLE = 0x1, 0x2, 0x4
_LOOKS = 3


class FinnPart:
    """The layers: images in memory in, results in memory out."""

    def __init__(self, facts: dict[str, np.ndarray]) -> None:
        import onnxruntime

        self._facts = facts
        self._session = onnxruntime.InferenceSession(
            facts["model"].tobytes(), providers=["CPUExecutionProvider"]
        )
        self._inside: deque[tuple[bool, bytes]] = deque()
        self._transfer = 0
        self._hangs = False
        self.blocks = (_DmaBlock(self), _DmaBlock(self))

    def move(self) -> None:
        """Images into the part while it has room, results out of it while there is a buffer."""
        while self._go_in() or self._come_out():
            pass

    def _go_in(self) -> bool:
        source = self.blocks[0].buffer
        if source is None or len(self._inside) >= HOLDS or self._hangs:
            return False
        fault = fault_at(self._transfer)
        self._transfer += 1
        if fault == "hang-send":
            self._hangs = True
            return False
        self._inside.append((fault == "hang-receive", self._run(source.shadow.tobytes())))
        self.blocks[0].finish()
        return True

    def _come_out(self) -> bool:
        target = self.blocks[1].buffer
        if target is None or not self._inside or self._inside[0][0]:
            return False
        result = np.frombuffer(self._inside.popleft()[1], np.uint8)
        target.shadow[: len(result)] = result  # ValueError if the buffer is too small
        self.blocks[1].finish()
        return True

    def _run(self, memory: bytes) -> bytes:
        assert Clocks.fclk0_mhz == 100.0, "the shell makes its clock of one of 100 MHz"
        model = self._session.get_inputs()[0]
        values = unpack_memory(memory, *self._facts["finn_input_words"].tolist())
        dtype = {"tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(int16)": np.int16}
        image = np.array(values).reshape(1, *self._facts["input_shape"]).astype(dtype[model.type])
        result = self._session.run(None, {model.name: image})[0].reshape(-1).astype(np.int64)
        result = (result - self._facts["offset"]) // self._facts["scale"]
        return pack_memory(result.tolist(), *self._facts["finn_output_words"].tolist())


class _DmaBlock:
    """Registers of an HLS kernel that moves ``numReps`` images."""

    def __init__(self, part: FinnPart) -> None:
        self._part = part
        self._registers = {0x10: 0, 0x14: 0, 0x1C: 0}
        self._done = False
        self._looks = 0
        self.buffer: Buffer | None = None

    def read(self, offset: int = 0) -> int:
        if offset != 0x00:
            return self._registers[offset]
        if self.buffer is not None:
            return _START
        self._looks -= 1
        if self._done and self._looks >= 0:
            return _START
        status = _IDLE | (_DONE if self._done else 0)
        self._done = False  # cleared by the look
        return status

    def write(self, offset: int, value: int) -> None:
        assert 0 <= value < 1 << 32
        if offset != 0x00:
            self._registers[offset] = value  # KeyError for one that the kernel does not have
            return
        assert value == _START
        assert self.buffer is None, "started while it is at work"
        assert self._registers[0x1C] == 1
        self.buffer = buffer_at(self._registers[0x10] | self._registers[0x14] << 32)
        self.buffer.busy = True
        self._part.move()

    def finish(self) -> None:
        assert self.buffer is not None
        self.buffer.busy = False
        self.buffer, self._done, self._looks = None, True, _LOOKS


def unpack_memory(memory: bytes, lanes: int, size: int, bits: int, signed: int) -> list[int]:
    """Values of words of ``size`` bytes, ``lanes`` in each, the first lowest. ``signed``: 1 two's
    complement, 0 not, -1 a bit for -1 or 1."""
    values = []
    for at in range(0, len(memory), size):
        word = int.from_bytes(memory[at : at + size], "little")
        for lane in range(lanes):
            code = word >> lane * bits & (1 << bits) - 1
            if signed < 0:
                code = 2 * code - 1
            elif signed and code >> bits - 1:
                code -= 1 << bits
            values.append(code)
    return values


def pack_memory(values: list[int], lanes: int, size: int, bits: int, signed: int) -> bytes:
    """The inverse; bits that belong to no value are set, since nobody may look at them."""
    memory = b""
    for at in range(0, len(values), lanes):
        word = (1 << 8 * size) - (1 << lanes * bits)
        for lane, value in enumerate(values[at : at + lanes]):
            low, high = (-1, 1) if signed < 0 else (-(1 << bits - 1) * signed, (1 << bits) - 1)
            assert low <= value <= high, "a result that FINN's type does not have"
            code = (value + 1) // 2 if signed < 0 else value & (1 << bits) - 1
            word |= code << lane * bits
        memory += word.to_bytes(size, "little")
    return memory
