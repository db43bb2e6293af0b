"""Synthesises one library module with given parameters, as the layers of a part are synthesised."""

from __future__ import annotations

from pathlib import Path

from finn_flows.circuit.library import library_sources
from finn_flows.synthesis.design import Design, Synthesis
from finn_flows.synthesis.recipe import synthesise
from finn_flows.tool_process import Limits

DEVICE = "xc7z020clg400-1"


def synthesise_module(
    module: str,
    parameters: dict[str, int | str],
    ports: dict[str, tuple[str, int]],
    directory: Path,
    *,
    library: tuple[str, ...],
    sources: tuple[tuple[str, str], ...] = (),
    memory_files: tuple[tuple[str, str], ...] = (),
) -> Synthesis:
    """``ports``: direction and width of each.

    ``library``: modules of the library that are needed, with all that they need; ``sources``: files
    that the library does not have.
    """
    directory.mkdir()
    declared = ", ".join(
        f"{direction} logic [{width - 1}:0] {name}" for name, (direction, width) in ports.items()
    )
    given = ", ".join(f".{name}({_literal(value)})" for name, value in parameters.items())
    pins = ", ".join(f".{name}({name})" for name in ports)
    text = f"module top ({declared});\n    {module} #({given}) circuit ({pins});\nendmodule\n"
    files = {**dict(library_sources(*library)), **dict(sources), "top.sv": text}
    design = Design("top", tuple(sorted(files.items())), memory_files, DEVICE)
    return synthesise(design, Limits(), directory)


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
