"""The integer types that tensors of a quantised network take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dse.errors import NetworkError


@dataclass(frozen=True)
class IntegerType:
    """A set of integers ``minimum, minimum + step, ..., maximum`` held in ``bits`` bits.

    ``step`` is 2 for the bipolar type {-1, +1} and 1 otherwise. A *narrow* signed type leaves out
    its most negative code: narrow INT2 is {-1, 0, 1}, what CnvW2A2's weights and activations are.
    On the wire a bipolar value is one bit (0 for -1, 1 for +1), any other type two's complement.
    """

    bits: int
    minimum: int
    maximum: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.bits < 1 or self.bits > 64:
            raise NetworkError(f"an integer type of {self.bits} bits", expected="1 to 64 bits")
        if self.minimum > self.maximum or (self.maximum - self.minimum) % self.step:
            raise NetworkError(
                f"no integer type runs from {self.minimum} to {self.maximum} by {self.step}"
            )
        if (self.maximum - self.minimum) // self.step >= 2**self.bits:
            raise NetworkError(f"{self.minimum}..{self.maximum} does not fit into {self.bits} bits")

    @classmethod
    def bipolar(cls) -> IntegerType:
        """{-1, +1} in one bit."""
        return cls(1, -1, 1, 2)

    @classmethod
    def signed(cls, bits: int, *, narrow: bool = False) -> IntegerType:
        """Two's complement; ``narrow`` leaves out the most negative code. 1 bit means bipolar."""
        if bits == 1:
            return cls.bipolar()
        return cls(bits, -(2 ** (bits - 1)) + int(narrow), 2 ** (bits - 1) - 1)

    @classmethod
    def unsigned(cls, bits: int) -> IntegerType:
        """0 .. 2**bits - 1."""
        return cls(bits, 0, 2**bits - 1)

    @classmethod
    def covering(cls, minimum: int, maximum: int) -> IntegerType:
        """The narrowest two's-complement type that holds every value from minimum to maximum."""
        # One bit for the sign; -1 - minimum takes as many bits as minimum in two's complement.
        return cls.signed(max(-1 - minimum, maximum, 1).bit_length() + 1)

    @classmethod
    def parse(cls, name: str) -> IntegerType:
        """The inverse of :attr:`name`, e.g. ``INT2``, ``NARROW_INT2``, ``UINT8``, ``BIPOLAR``."""
        if name == "BIPOLAR":
            return cls.bipolar()
        match = re.fullmatch(r"(NARROW_INT|INT|UINT)(\d+)", name)
        if match is None:
            raise NetworkError(
                f"unknown integer type {name!r}",
                choices=["BIPOLAR", "UINT<bits>", "INT<bits>", "NARROW_INT<bits>"],
            )
        kind, bits = match.group(1), int(match.group(2))
        if kind == "UINT":
            return cls.unsigned(bits)
        return cls.signed(bits, narrow=kind == "NARROW_INT")

    @property
    def is_bipolar(self) -> bool:
        return self.step == 2

    @property
    def is_signed(self) -> bool:
        return self.minimum < 0

    @property
    def threshold_count(self) -> int:
        """How many thresholds a layer needs to produce every value of this type."""
        return (self.maximum - self.minimum) // self.step

    @property
    def name(self) -> str:
        """``BIPOLAR``, ``UINT<bits>``, ``INT<bits>`` or ``NARROW_INT<bits>``."""
        if self.is_bipolar:
            return "BIPOLAR"
        if not self.is_signed:
            return f"UINT{self.bits}"
        narrow = self.minimum > -(2 ** (self.bits - 1))
        return f"NARROW_INT{self.bits}" if narrow else f"INT{self.bits}"

    @property
    def qonnx_name(self) -> str:
        """The name of the QONNX datatype that holds this type (QONNX has no narrow types)."""
        return self.name.removeprefix("NARROW_")
