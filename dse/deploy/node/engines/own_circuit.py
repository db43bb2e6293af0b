"""A part with the circuit of ``dse build --backend yosys``, behind Xilinx' AXI DMA.

Names of blocks are those of finn_flows/circuit/templates/overlay.tcl.j2, registers of the part
those of finn_flows/rtl/axilite_configuration.sv, registers of the DMA those of Xilinx' PG021.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from dse.deploy.node.engines.image_codec import decode_image
from dse.deploy.node.engines.pynq_circuit import PynqCircuit, TransferError, comes_to_rest
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


class OwnCircuit(PynqCircuit):
    """``files``: ``overlay.bit``, ``overlay.hwh`` and, unless weights are in the bitstream,
    ``configuration.bin``. Memory holds the very words of the wire."""

    sender = "the send channel of the DMA"
    receiver = "the receive channel of the DMA"

    @staticmethod
    def blocks(parameters: dict[str, Any]) -> Sequence[str]:
        """See PynqCircuit."""
        return (PART, DMA)

    def __init__(self, blocks: Sequence[Any], folder: Path, stage: dict[str, Any]) -> None:
        """See PynqCircuit. Writes weights and thresholds."""
        part, self._dma = blocks
        parameters = stage["parameters"]
        identity = part.read(IDENTITY)
        if identity != parameters["identity"]:
            raise DseError(
                "the part on the FPGA says that it is %#010x" % identity,
                where=folder / parameters["bitstream"],
                expected="%#010x" % parameters["identity"],
            )
        if parameters["configuration"] is not None:
            data = (folder / parameters["configuration"]).read_bytes()
            configure(part.mmio.array, np.frombuffer(data, dtype="<u4").reshape(-1, 3))
        part.write(IMAGES_PER_TRANSFER, 1)
        self._input = stage["input"]
        self.lengths = (
            stage["input"]["bytes_per_image"] // 8,
            stage["output"]["bytes_per_image"] // 8,
        )

    def to_memory(self, payload: memoryview) -> np.ndarray:
        """See PynqCircuit."""
        decode_image(payload, self._input)  # the circuit would take values that are none
        return np.frombuffer(payload, dtype="<u8")

    def from_memory(self, result: np.ndarray) -> bytes:
        """See PynqCircuit."""
        return result.tobytes()

    def send(self, source: Any) -> None:
        """See PynqCircuit."""
        self._dma.sendchannel.transfer(source)

    def receive(self, target: Any) -> None:
        """See PynqCircuit."""
        self._dma.recvchannel.transfer(target)

    def is_sent(self) -> bool:
        """See PynqCircuit."""
        return self._is_done(self.sender, SEND_STATUS)

    def is_received(self, target: Any) -> bool:
        """See PynqCircuit."""
        if not self._is_done(self.receiver, RECEIVE_STATUS):
            return False
        received = self._dma.read(RECEIVE_LENGTH)
        if received != target.nbytes:
            raise TransferError(
                "%s ended after %d bytes" % (self.receiver, received),
                expected="%d" % target.nbytes,
            )
        return True

    def stop(self) -> bool:
        """See PynqCircuit."""
        self._dma.write(SEND_CONTROL, RESET)
        return comes_to_rest(lambda: not self._dma.read(SEND_CONTROL) & RESET)

    def _is_done(self, name: str, register: int) -> bool:
        status = self._dma.read(register)
        for bit, what in ERRORS.items():
            if status & bit:
                raise TransferError("%s: %s" % (name, what))
        if status & HALTED:
            raise TransferError("%s has halted" % name)
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
