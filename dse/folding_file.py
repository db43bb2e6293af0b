"""A folding in a file: ``{"name": "mine", "layers": [{"simd": 3, "pe": 8}, ...]}``."""

from __future__ import annotations

from pathlib import Path

from dse.errors import FoldingError
from finn_flows.folding import Folding, LayerFolding, check_folding
from finn_flows.network import Network


def read_folding(path: Path, network: Network) -> Folding:
    """The folding in the file, checked against ``network``: one entry for each compute layer.

    ``name`` may be missing; it is then the name of the file. Raises FoldingError, naming file and
    layer, for a file that is not such JSON and for values that do not divide their layer (the legal
    ones are listed).
    """
    from pydantic import BaseModel, ConfigDict, Field, ValidationError

    class LayerEntry(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        simd: int = Field(ge=1)
        pe: int = Field(ge=1)

    class FoldingFile(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        name: str = Field(default=path.stem, min_length=1)
        layers: list[LayerEntry]

    try:
        text = path.read_bytes()
    except OSError as error:
        raise FoldingError(f"cannot be read: {error.strerror}", where=path) from error
    try:
        content = FoldingFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FoldingError(
            f"not a folding: {_place(first['loc'])}{first['msg']}",
            where=path,
            expected='{"name": ..., "layers": [{"simd": 3, "pe": 8}, ...]}',
        ) from error
    folding = Folding(
        content.name, tuple(LayerFolding(layer.simd, layer.pe) for layer in content.layers)
    )
    try:
        check_folding(network, folding)
    except FoldingError as error:
        raise FoldingError(
            error.message, where=path, expected=error.expected, choices=error.choices
        ) from error
    return folding


def _place(location: tuple[int | str, ...]) -> str:
    """``layer 3, pe: `` from ``("layers", 3, "pe")``."""
    if len(location) >= 2 and location[0] == "layers":
        rest = "".join(f", {step}" for step in location[2:])
        return f"layer {location[1]}{rest}: "
    return "".join(f"{step}: " for step in location)
