"""What all stages of a pipeline have agreed on: pipeline.json, the same bytes on every board.

The board side reads it in dse/deploy/node/stage_files.py; the format is in docs/formats.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from finn_flows.cut import Cut, CutTensor

MANIFEST_NAME = "pipeline.json"
FORMAT = "split-dse/pipeline"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class WireImage:
    """One image on the wire, see finn_flows/wire_packing.py: shape (channel last), name of the
    type, bits a value, how they are to be read, which values there are, bytes packed."""

    shape: tuple[int, ...]
    type: str
    bits: int
    signed: bool
    bipolar: bool
    minimum: int
    maximum: int
    bytes_per_image: int

    @classmethod
    def of(cls, tensor: CutTensor) -> WireImage:
        """What ``tensor`` looks like on the wire."""
        kind = tensor.type
        return cls(
            tuple(tensor.shape),
            kind.name,
            kind.bits,
            kind.is_signed,
            kind.is_bipolar,
            kind.minimum,
            kind.maximum,
            tensor.bytes_per_image,
        )


@dataclass(frozen=True)
class Stage:
    """One stage. ``network``, ``network_sha256``: of its part; ``files``: sha256 by file name;
    ``parameters``: what its engine must know besides, ready for JSON."""

    position: int
    engine: str
    network: str
    network_sha256: str
    input: WireImage
    output: WireImage
    files: dict[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineManifest:
    """The pipeline. ``network``, ``network_sha256``: of the whole."""

    network: str
    network_sha256: str
    cuts: tuple[Cut, ...]
    stages: tuple[Stage, ...]
    tool_versions: dict[str, str]

    def to_bytes(self) -> bytes:
        """pipeline.json: UTF-8, the same for equal manifests."""
        content = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "network": self.network,
            "network_sha256": self.network_sha256,
            "cuts": [[cut.layer, cut.pool] for cut in self.cuts],
            "stages": [asdict(stage) for stage in self.stages],
            "tool_versions": dict(sorted(self.tool_versions.items())),
        }
        return (json.dumps(content, indent=1) + "\n").encode()

    @property
    def sha256(self) -> str:
        """The hash by which stages know that they belong together."""
        return hashlib.sha256(self.to_bytes()).hexdigest()
