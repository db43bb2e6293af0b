"""What a stage's files are made from, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dse.deploy.pipeline_parts import PipelinePart
from finn_flows.folding import Folding
from finn_flows.network import Network


@dataclass(frozen=True)
class StageRequest:
    """``whole``: the network that ``part`` belongs to.

    ``folding`` (of the whole; None where nobody chose one), ``device``: of the circuit of an
    ``rtl`` stage. ``overlay``: of a ``pynq`` stage, its part's folder by ``dse build`` in which
    overlay.tcl was run, or None.
    """

    whole: Network
    part: PipelinePart
    folding: Folding | None
    device: str
    overlay: Path | None


@dataclass(frozen=True)
class StageContents:
    """``files``: bytes by plain name; ``parameters``: what the engine must know besides, ready for
    JSON; ``tool_versions``: of what wrote the files."""

    files: dict[str, bytes]
    parameters: dict[str, Any] = field(default_factory=dict)
    tool_versions: dict[str, str] = field(default_factory=dict)
