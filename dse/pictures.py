"""Picture files as the pixels that a network reads."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import PictureError

if TYPE_CHECKING:
    from PIL.Image import Image

# What Pillow logs about a damaged file goes into the error; without a handler it would be printed.
logging.getLogger("PIL").addHandler(logging.NullHandler())

#: Modes that Pillow resizes with a filter; others (palettes, bits) are turned into RGB before.
_RESIZABLE_MODES = ("L", "LA", "RGB", "RGBA")


def load_picture(path: Path, input_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels of a picture file, shape ``input_shape``, uint8.

    ``input_shape``: (height, width, 3) for colour, (height, width, 1) for grey, or (pixels,) for a
    square grey picture read row by row.

    The picture is prepared as in BNN-PYNQ (``bnn/bnn.py``, ``image_to_cifar``), on which its
    recorded logits depend: shrunk, never enlarged, to fit, with its proportions kept (Lanczos over
    all pixels, without JPEG's own reduction), and centred on a white canvas. An alpha channel is
    dropped after shrinking, and a rotation noted in EXIF is not applied. Nothing is inverted: a
    network trained on white strokes over black (MNIST) wants such a picture.

    Raises PictureError with the file for anything that is not a picture, is damaged, or is so
    large that decoding it might exhaust the memory, and for a shape that no picture has.
    """
    from PIL import Image, UnidentifiedImageError

    height, width, channels = _picture_shape(input_shape)
    if not path.exists():
        raise PictureError("there is no such file", where=path, expected="a picture")
    if path.is_dir():
        raise PictureError("is a directory", where=path, expected="a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow makes the best of in a damaged file
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                file.load()
                pixels = _on_canvas(file, (width, height), channels)
    except UnidentifiedImageError as error:
        message = "is empty" if path.stat().st_size == 0 else "is not a picture"
        raise PictureError(
            message, where=path, expected="a picture, such as PNG or JPEG"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            "is too large to decode safely",
            where=path,
            expected=f"at most {Image.MAX_IMAGE_PIXELS} pixels",
        ) from error
    # Pillow's decoders answer damaged files with these, according to the format.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PictureError(f"cannot read: {reason}", where=path, expected="a picture") from error
    return pixels.reshape(input_shape)


def _picture_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(input_shape) == 3 and input_shape[2] in (1, 3):
        return input_shape[0], input_shape[1], input_shape[2]
    if len(input_shape) == 1 and math.isqrt(input_shape[0]) ** 2 == input_shape[0]:
        side = math.isqrt(input_shape[0])
        return side, side, 1
    raise PictureError(
        f"a network that reads tensors of shape {input_shape} reads no pictures",
        expected="(height, width, 1 or 3), or a square number of pixels",
    )


def _on_canvas(picture: Image, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """uint8 (height, width, channels)."""
    from PIL import Image

    if picture.mode not in _RESIZABLE_MODES:
        transparent = picture.mode in ("P", "PA") and "transparency" in picture.info
        picture = picture.convert("RGBA" if transparent else "RGB")
    picture.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=None)
    mode = "RGB" if channels == 3 else "L"
    canvas = Image.new(mode, size, "white")
    corner = ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2)
    canvas.paste(picture.convert(mode), corner)
    return np.asarray(canvas, dtype=np.uint8).reshape(size[1], size[0], channels)
