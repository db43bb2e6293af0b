"""The file that holds a canonical integer network: a byte-stable .npz that numpy can open.

Entries, in this order: ``header.json`` (UTF-8 JSON: format, version, the network's name, structure,
class names, class scores and sha256), then one .npy per array of :meth:`Network.arrays`.
Weights are little-endian uint64 words, shape (1, words), as :mod:`finn_flows.wire_packing` makes
them at the bits of the weight type, in C order of the weight array; thresholds and the pixel table
are arrays in the narrowest little-endian signed integer type that holds them.
Every entry is deflated and dated 1980-01-01, so that equal networks make equal files.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.atomic_write import atomic_write
from dse.errors import NetworkError, NetworkFileError
from finn_flows.integer_type import IntegerType
from finn_flows.network import (
    ClassScores,
    ConvLayer,
    DenseLayer,
    Layer,
    MaxPoolLayer,
    Network,
)
from finn_flows.wire_packing import pack, unpack

FORMAT = "split-dse network"
VERSION = 1
_HEADER = "header.json"
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)

#: What zipfile, numpy and the checks below raise on a file with wrong bytes in it.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,  # JSON, UTF-8, numpy's header and wire_packing's checks
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    NetworkError,
)


def save_network(network: Network, path: Path) -> None:
    """Write ``network`` to ``path``, whole or not at all. OutputError if that cannot be done."""
    atomic_write(Path(path), network_bytes(network))


def network_bytes(network: Network) -> bytes:
    """The bytes of the file: the same for equal networks (and one version of zlib)."""
    scores = network.class_scores
    header = {
        "format": FORMAT,
        "version": VERSION,
        "name": network.name,
        "class_names": list(network.class_names),
        # JSON's decimal form of a float64 in Python reads back to the same float64.
        "class_scores": None
        if scores is None
        else {"scale": scores.scale.tolist(), "offset": scores.offset.tolist()},
        "structure": network.structure(),
        "sha256": network.sha256,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, _HEADER, json.dumps(header, sort_keys=True, indent=1).encode())
        for name, array in network.arrays().items():
            if name.endswith("_weights"):
                layer = network.layers[int(name.removesuffix("_weights"))]
                assert not isinstance(layer, MaxPoolLayer)
                kind = layer.weight_type
                stored = pack(array[None], kind.bits, kind.is_signed, kind.is_bipolar)
            else:
                stored = _narrowest(array)
            npy = io.BytesIO()
            np.lib.format.write_array(npy, stored, version=(1, 0), allow_pickle=False)
            _add(archive, f"{name}.npy", npy.getvalue())
    return buffer.getvalue()


def load_network(path: Path) -> Network:
    """Read a file that :func:`save_network` wrote; the sha256 in it is checked.

    Raises NetworkFileError naming the file if it is absent, damaged, or of another kind or version.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror or error}", where=path) from error
    try:
        return _parse(data)
    except NetworkFileError as error:
        raise NetworkFileError(error.message, where=path, expected=error.expected) from error
    except _DAMAGE as error:
        raise NetworkFileError(
            f"not a whole network file ({type(error).__name__}: {error})",
            where=path,
            expected="a file that save_network wrote",
        ) from error


def _parse(data: bytes) -> Network:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = json.loads(archive.read(_HEADER))
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise NetworkFileError(
                f"a file of format {header['format']!r}, version {header['version']!r}",
                expected=f"{FORMAT!r}, version {VERSION}",
            )
        structure = header["structure"]
        layers = tuple(
            _layer(archive, position, entry) for position, entry in enumerate(structure["layers"])
        )
        has_table = "pixel_table.npy" in archive.namelist()
        scores = header["class_scores"]
        network = Network(
            name=header["name"],
            input_shape=tuple(int(size) for size in structure["input_shape"]),
            input_type=IntegerType.parse(structure["input_type"]),
            layers=layers,
            pixel_table=_read(archive, "pixel_table").astype(np.int64) if has_table else None,
            class_names=tuple(header["class_names"]),
            class_scores=None
            if scores is None
            else ClassScores(
                np.array(scores["scale"], dtype=np.float64),
                np.array(scores["offset"], dtype=np.float64),
            ),
            first_layer=int(structure["first_layer"]),
        )
    if network.sha256 != header["sha256"]:
        raise NetworkFileError("the integers do not have the sha256 that the file gives for them")
    return network


def _layer(archive: zipfile.ZipFile, position: int, entry: dict[str, Any]) -> Layer:
    if entry["kind"] == "pool":
        return MaxPoolLayer(int(entry["kernel"]), int(entry["stride"]))
    weight_type = IntegerType.parse(entry["weight_type"])
    shape = tuple(int(size) for size in entry["shape"])
    words = _read(archive, f"{position}_weights")
    unpacked = unpack(
        words, shape, weight_type.bits, weight_type.is_signed, weight_type.is_bipolar
    )[0]
    thresholds = (
        _read(archive, f"{position}_thresholds").astype(np.int64) if entry["thresholds"] else None
    )
    common = {
        "weights": unpacked.astype(np.int8 if weight_type.bits <= 8 else np.int16),
        "weight_type": weight_type,
        "thresholds": thresholds,
        "output_type": IntegerType.parse(entry["output_type"]),
    }
    if entry["kind"] == "dense":
        return DenseLayer(**common)
    if entry["kind"] != "conv":
        raise NetworkFileError(f"a layer of kind {entry['kind']!r}", expected="conv, dense or pool")
    return ConvLayer(
        **common,
        stride=(int(entry["stride"][0]), int(entry["stride"][1])),
        padding=(int(entry["padding"][0]), int(entry["padding"][1])),
        groups=int(entry["groups"]),
    )


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # the same on every system
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, compresslevel=9)


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, so that zipfile compares the checksum
    return np.asarray(array)


def _narrowest(array: NDArray[np.integer]) -> NDArray[np.integer]:
    low, high = int(array.min()), int(array.max())
    for kind in ("<i1", "<i2", "<i4"):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array.astype("<i8")
