"""What is in a stage's folder beside pipeline.json, for each engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dse.deploy.pipeline_parts import PipelinePart
from dse.errors import InputError
from finn_flows.folding import Folding
from finn_flows.network import Network


@dataclass(frozen=True)
class StageContents:
    """``files``: bytes by name; ``parameters``: for the engine, ready for JSON; ``tool_versions``:
    of what wrote them."""

    files: dict[str, bytes]
    parameters: dict[str, Any] = field(default_factory=dict)
    tool_versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageRequest:
    """What a stage is made from. ``whole``: the network that ``part`` belongs to.

    ``folding``, ``device``: of the circuit (rtl); ``folding`` is None where nobody chose one.
    ``overlay``: a part's folder by ``dse build`` in which ``overlay.tcl`` was run (pynq), or None.
    """

    whole: Network
    part: PipelinePart
    folding: Folding | None
    device: str
    overlay: Path | None


def onnx_contents(request: StageRequest) -> StageContents:
    """The part as standard ONNX."""
    from finn_flows.standard_onnx import export_standard_onnx

    model = export_standard_onnx(request.part.network)
    return StageContents(
        {"part.onnx": model.SerializeToString(deterministic=True)},
        {"model": "part.onnx"},
        {"onnx": version("onnx")},
    )


#: Engine name -> what makes its stage's files.
CONTENTS: dict[str, Callable[[StageRequest], StageContents]] = {"onnx": onnx_contents}


def stage_contents(engine: str, request: StageRequest) -> StageContents:
    """The files of one stage. InputError for an unknown engine."""
    if engine not in CONTENTS:
        raise InputError(f"unknown engine {engine!r}", choices=CONTENTS)
    return CONTENTS[engine](request)
