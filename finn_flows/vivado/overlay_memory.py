"""What an overlay reads from memory and writes to it, as FINN's driver is told of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dse.errors import BuildError

SETTINGS = Path("driver/settings.json")


@dataclass(frozen=True)
class OverlayMemory:
    """One end of an overlay: an image as its DMA moves it.

    ``block``: the DMA's name. ``type``: FINN's, of the values, which the host's operations may turn
    into the network's; ``bits`` each. Words of ``bytes_per_word`` bytes have ``values_per_word``
    values, the first in the least significant bits; what is left of a word pads it. ``shape``: of
    one image in memory, the last axis the bytes of a word.
    """

    block: str
    type: str
    bits: int
    values_per_word: int
    bytes_per_word: int
    shape: tuple[int, ...]
    bytes_per_image: int


def overlay_memory(directory: Path) -> dict[str, OverlayMemory] | None:
    """``input`` and ``output`` of the build in ``directory``; None without a bitstream's driver.

    Raises BuildError where FINN's settings are not as they are known here.
    """
    file = directory / SETTINGS
    if not file.is_file():
        return None
    try:
        shapes = json.loads(file.read_text())["driver_information"]["io_shape_dict"]
        return {"input": _end(shapes, "i"), "output": _end(shapes, "o")}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BuildError(f"not as FINN writes it for its driver: {error}", where=file) from error


def _end(shapes: dict[str, Any], side: str) -> OverlayMemory:
    from qonnx.core.datatype import DataType

    name = str(shapes[f"{side}dt"][0]).removeprefix("DataType['").removesuffix("']")
    folded, packed = shapes[f"{side}shape_folded"][0], shapes[f"{side}shape_packed"][0]
    # The first axis counts images.
    shape = tuple(int(size) for size in packed[1:])
    return OverlayMemory(
        block=str(shapes[f"{side}dma_names"][0]),
        type=name,
        bits=DataType[name].bitwidth(),
        values_per_word=int(folded[-1]),
        bytes_per_word=shape[-1],
        shape=shape,
        bytes_per_image=math.prod(shape),
    )
