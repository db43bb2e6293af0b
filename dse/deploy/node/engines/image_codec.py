"""One image's words on the wire to an engine's integers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from dse.deploy.node.engines.interface import PoisonedInput
from finn_flows.wire_packing import pack, unpack


def decode_image(payload: memoryview, wire: dict[str, Any]) -> np.ndarray:
    """One image: int32 (1, *shape).

    ``wire``: ``input`` of a stage of pipeline.json. Raises PoisonedInput for another size, for
    padding bits that are set, and for a value that the type does not have.
    """
    check_size(payload, wire)
    words = np.frombuffer(payload, dtype="<u8")[None]
    try:
        values = unpack(words, tuple(wire["shape"]), wire["bits"], wire["signed"], wire["bipolar"])
    except ValueError as error:
        raise PoisonedInput("an image that cannot be unpacked: %s" % error) from error
    least, most = int(values.min()), int(values.max())
    if least < wire["minimum"] or most > wire["maximum"]:
        raise PoisonedInput(
            "an image with values from %d to %d" % (least, most),
            expected="%s, %d to %d" % (wire["type"], wire["minimum"], wire["maximum"]),
        )
    return values


def encode_image(values: np.ndarray, wire: dict[str, Any]) -> bytes:
    """The inverse. ``values``: integers (1, *shape); ``wire``: ``output`` of a stage."""
    return pack(values, wire["bits"], wire["signed"], wire["bipolar"]).tobytes()


def check_size(payload: memoryview, wire: dict[str, Any]) -> None:
    """PoisonedInput unless ``payload`` has the bytes of one image."""
    if len(payload) != wire["bytes_per_image"]:
        raise PoisonedInput(
            "an image of %d bytes" % len(payload), expected="%d" % wire["bytes_per_image"]
        )
