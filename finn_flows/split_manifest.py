"""The split manifest: one JSON file that says what two parts of a network have agreed on.

Two parts run together only if their manifests match; every file of a part is named with its
sha256. The format is described in ``docs/formats.md``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from dse.atomic_write import atomic_write
from dse.errors import NetworkFileError
from finn_flows.cut import Cut, PoolSide, cut_tensor, split_network
from finn_flows.network import Network

MANIFEST_NAME = "split.json"
FORMAT_VERSION = 1
PACKING: Literal["u64-le, channel fastest, channel 0 in the low bits"] = (
    "u64-le, channel fastest, channel 0 in the low bits"
)


@dataclass(frozen=True)
class WireTensor:
    """What crosses the cut: shape of one image (channel last), type, bits a value, packed size."""

    shape: tuple[int, ...]
    type: str
    bits: int
    bytes_per_image: int
    packing: str = PACKING


@dataclass(frozen=True)
class PartFiles:
    """One part: hash of its integers, and name and sha256 of each of its files."""

    network_sha256: str
    files: dict[str, str]


@dataclass(frozen=True)
class SplitManifest:
    """See the module. ``tool_versions``: of everything that wrote a file of a part."""

    network: str
    network_sha256: str
    layer: int
    pool: PoolSide
    tensor: WireTensor
    first: PartFiles
    second: PartFiles
    tool_versions: dict[str, str]
    format_version: int = FORMAT_VERSION


def make_manifest(
    network: Network, cut: Cut, first_files: list[Path], second_files: list[Path]
) -> SplitManifest:
    """The manifest of ``network`` split at ``cut``, over files that are already written."""
    tensor = cut_tensor(network, cut)
    first, second = split_network(network, cut)
    return SplitManifest(
        network=network.name,
        network_sha256=network.sha256,
        layer=cut.layer,
        pool=cut.pool,
        tensor=WireTensor(tensor.shape, tensor.type.name, tensor.type.bits, tensor.bytes_per_image),
        first=PartFiles(first.sha256, {file.name: _sha256(file) for file in first_files}),
        second=PartFiles(second.sha256, {file.name: _sha256(file) for file in second_files}),
        tool_versions={name: version(name) for name in ("split-dse", "onnx", "qonnx")},
    )


def write_manifest(manifest: SplitManifest, directory: Path) -> Path:
    """Write ``split.json`` into ``directory``; returns its path. OutputError if it cannot be."""
    path = directory / MANIFEST_NAME
    atomic_write(path, json.dumps(asdict(manifest), indent=1) + "\n")
    return path


def read_manifest(directory: Path) -> SplitManifest:
    """Read ``split.json`` of ``directory`` and check every file it names.

    Raises NetworkFileError, naming the file, for a manifest that is missing or damaged, for a file
    that is missing, and for one whose bytes are not those of the manifest.
    """
    from pydantic import TypeAdapter, ValidationError

    path = directory / MANIFEST_NAME
    try:
        manifest = TypeAdapter(SplitManifest).validate_json(path.read_bytes())
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror}", where=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise NetworkFileError(
            f"not a split manifest: {place}: {first['msg']}", where=path
        ) from error
    if manifest.format_version != FORMAT_VERSION:
        raise NetworkFileError(
            f"manifest of format {manifest.format_version}", where=path, choices=[FORMAT_VERSION]
        )
    for part in (manifest.first, manifest.second):
        for name, expected in part.files.items():
            file = directory / name
            if not file.is_file():
                raise NetworkFileError("named by the manifest, but not there", where=file)
            if _sha256(file) != expected:
                raise NetworkFileError(
                    "differs from the manifest", where=file, expected=f"sha256 {expected}"
                )
    return manifest


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
