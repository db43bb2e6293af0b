"""A figure as the bytes of a picture, which a notebook shows by itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drawing:
    """The same figure twice: as SVG (UTF-8) and as PNG."""

    svg: bytes
    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png
