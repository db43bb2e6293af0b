"""A folding in a file: ``{"name": "mine", "layers": [{"simd": 3, "pe": 8}, ...]}``.

An element may say ``"weight_memory"``: ``auto`` (the default), ``block`` or ``distributed``.
"""

from __future__ import annotations

from pathlib import Path

from dse.errors import FoldingError
from finn_flows.folding import Folding, LayerFolding, WeightMemory, check_folding
from finn_flows.network import Network

#: Names of the foldings that the program makes; under them a table compares with the paper.
RESERVED_NAMES = ("published", "auto")
RESERVED_PREFIXES = ("balanced-", "auto:")
LONGEST_NAME = 60


def read_folding(path: Path, network: Network) -> Folding:
    """The folding in the file, checked against ``network``: one entry for each compute layer.

    ``name`` may be missing; it is then the name of the file. Raises FoldingError, naming file and
    layer, for a file that is not such JSON, for a name that one of our own foldings has or that
    does not fit a line, and for values that do not divide their layer (the legal ones are listed).
    """
    from pydantic import BaseModel, ConfigDict, Field, ValidationError

    class LayerEntry(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        simd: int = Field(ge=1)
        pe: int = Field(ge=1)
        weight_memory: WeightMemory = "auto"

    class FoldingFile(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        name: str = path.stem
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
    _check_name(content.name, path)
    folding = Folding(
        content.name,
        tuple(LayerFolding(layer.simd, layer.pe, layer.weight_memory) for layer in content.layers),
    )
    try:
        check_folding(network, folding)
    except FoldingError as error:
        raise FoldingError(
            error.message, where=path, expected=error.expected, choices=error.choices
        ) from error
    return folding


def _check_name(name: str, path: Path) -> None:
    """A person tells foldings apart by their names, so two may not share one."""
    if name.lower() in RESERVED_NAMES or name.lower().startswith(RESERVED_PREFIXES):
        raise FoldingError(
            f"the name {name!r} is that of a folding of our own",
            where=path,
            expected='another one, as in {"name": "mine", ...}',
        )
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        shown = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
        raise FoldingError(
            f"the name {shown!r} is no name",
            where=path,
            expected=f"1 to {LONGEST_NAME} printable characters on one line",
        )


def _place(location: tuple[int | str, ...]) -> str:
    """``layer 3, pe: `` from ``("layers", 3, "pe")``."""
    if len(location) >= 2 and location[0] == "layers":
        rest = "".join(f", {step}" for step in location[2:])
        return f"layer {location[1]}{rest}: "
    return "".join(f"{step}: " for step in location)
