"""A part that FINN built, between the two DMA blocks of its Zynq shell.

They are HLS kernels: one reads images from memory, the other writes results into it. Everything
that depends on the part (names, registers, how values lie in memory) was worked out by the client,
dse/deploy/finn_overlay.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from dse.deploy.node.engines.image_codec import decode_image, encode_image
from dse.deploy.node.engines.memory_words import pack_words, unpack_words
from dse.deploy.node.engines.pynq_circuit import PynqCircuit, TransferError, comes_to_rest
from dse.errors import DseError

# Of an HLS kernel (Xilinx' UG1399, ap_ctrl_hs), by name and by bit.
CONTROL = 0x00
START, DONE, IDLE = 0x1, 0x2, 0x4  # DONE is cleared when it is read


class FinnCircuit(PynqCircuit):
    """``files``: ``overlay.bit``, ``overlay.hwh``. Weights and thresholds are in the bitstream.

    Each DMA is started for one image at a time; the layers between them never stop, so that an
    image goes in while others are on their way.
    """

    dtype: Any = np.uint8

    @staticmethod
    def blocks(parameters: dict[str, Any]) -> Sequence[str]:
        """See PynqCircuit."""
        return (parameters["source"]["block"], parameters["target"]["block"])

    def __init__(self, blocks: Sequence[Any], folder: Path, stage: dict[str, Any]) -> None:
        """See PynqCircuit. Sets the clock that the shell makes its own of."""
        from pynq.ps import Clocks  # type: ignore[import-not-found]  # only boards have it

        parameters = stage["parameters"]
        self._source, self._target = parameters["source"], parameters["target"]
        self._reader, self._writer = blocks
        self.sender, self.receiver = self.blocks(parameters)
        self._input, self._output = stage["input"], stage["output"]
        self.lengths = (self._source["bytes"], self._target["bytes"])
        Clocks.fclk0_mhz = parameters["fclk0_mhz"]
        for name, block in ((self.sender, self._reader), (self.receiver, self._writer)):
            status = block.read(CONTROL)
            if not status & IDLE:
                raise DseError(
                    "%s is not idle before the first image: its control register reads %#x"
                    % (name, status),
                    where=folder / parameters["bitstream"],
                )

    def to_memory(self, payload: memoryview) -> np.ndarray:
        """See PynqCircuit."""
        values = decode_image(payload, self._input)
        if self._source["words"] is None:
            return np.frombuffer(payload, dtype=np.uint8)[: self._source["bytes"]]
        return pack_words(values, self._source["words"])

    def from_memory(self, result: np.ndarray) -> bytes:
        """See PynqCircuit. TransferError for a result that the part cannot have."""
        words, size = self._target["words"], self._output["bytes_per_image"]
        if words is None:
            data = result.tobytes()
            return data + bytes(size - len(data))
        values = unpack_words(result, words)
        if self._target["minimum"] is not None:
            least = self._target["minimum"]
            values = least + ((values - least) & ((1 << words["bits"]) - 1))
        if self._target["scale"] is not None:
            channels = values.reshape(-1, len(self._target["scale"]))
            values = channels * self._target["scale"] + self._target["offset"]
        try:
            return encode_image(values.reshape(1, *self._output["shape"]), self._output)
        except ValueError as error:
            raise TransferError("a result that the part cannot have: %s" % error) from error

    def send(self, source: Any) -> None:
        """See PynqCircuit."""
        _start(self._reader, self._source["registers"], source.device_address)

    def receive(self, target: Any) -> None:
        """See PynqCircuit."""
        _start(self._writer, self._target["registers"], target.device_address)

    def is_sent(self) -> bool:
        """See PynqCircuit."""
        return bool(self._reader.read(CONTROL) & DONE)

    def is_received(self, target: Any) -> bool:
        """See PynqCircuit. A kernel writes as many bytes as it was built for, or is never done."""
        return bool(self._writer.read(CONTROL) & DONE)

    def stop(self) -> bool:
        """See PynqCircuit. An HLS kernel cannot be stopped: it is at rest when it is done."""
        return comes_to_rest(
            lambda: all(block.read(CONTROL) & IDLE for block in (self._reader, self._writer))
        )


def _start(block: Any, registers: dict[str, int], address: int) -> None:
    """Have a DMA move one image at ``address``."""
    block.write(registers["address"], address & 0xFFFFFFFF)
    block.write(registers["address"] + 4, address >> 32)
    block.write(registers["images"], 1)
    block.write(CONTROL, START)
