"""The folder that ``dse build`` made of a stage's part, checked before it goes to a board."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dse.deploy.stage_request import StageRequest
from dse.errors import DeployError
from finn_flows.cut import CutTensor
from finn_flows.part_facts import PART_FILE


def read_facts(folder: Path, formats: Mapping[str, int]) -> dict[str, Any]:
    """Its part.json. ``formats``: names that are known, each with its version. DeployError, naming
    the file, for anything else."""
    path = folder / PART_FILE
    try:
        facts: dict[str, Any] = json.loads(read_file(path))
        if formats.get(facts["format"]) == facts["version"]:
            return facts
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    expected = " or ".join(f"{name} version {version}" for name, version in formats.items())
    raise DeployError("not what `dse build` writes", where=path, expected=expected)


def read_file(path: Path) -> bytes:
    """DeployError, naming it, if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"cannot read: {error.strerror or error}", where=path) from error


def read_named_file(folder: Path, name: str, facts: dict[str, Any]) -> bytes:
    """A file of which ``facts`` has the sha256. DeployError if it is missing or has another."""
    data, expected = read_file(folder / name), facts["files"].get(name)
    if hashlib.sha256(data).hexdigest() != expected:
        raise DeployError(
            f"differs from {PART_FILE}", where=folder / name, expected=f"sha256 {expected}"
        )
    return data


def check_same_part(request: StageRequest, facts: dict[str, Any], folder: Path) -> None:
    """DeployError unless ``facts`` are of the stage's part, by itself or as part of the whole."""
    whole, part, path = request.whole, request.part, folder / PART_FILE
    if facts["network_sha256"] not in (whole.sha256, part.network.sha256):
        raise DeployError(
            f"a part of another network, {facts['network']}",
            where=path,
            expected=f"{whole.name}, sha256 {whole.sha256}",
        )
    layers = [part.network.label(position) for position in range(len(part.network.layers))]
    if facts["layers"] != layers:
        raise DeployError(
            f"the part of layers {', '.join(facts['layers'])}",
            where=path,
            expected=f"{', '.join(layers)} for stage {part.position}",
        )
    for name, tensor in (("input", part.input), ("output", part.output)):
        stream = facts["streams"][name]
        found = (stream["shape"], stream["type"], stream["bytes_per_image"])
        if found != _described(tensor):
            raise DeployError(
                f"its {name} is {found[0]} of {found[1]}",
                where=path,
                expected=f"{list(tensor.shape)} of {tensor.type.name}",
            )


def _described(tensor: CutTensor) -> tuple[list[int], str, int]:
    return list(tensor.shape), tensor.type.name, tensor.bytes_per_image
