"""A folder that stands alone: everything of one part that FINN and Vivado built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.atomic_write import atomic_write
from finn_flows.backends.interface import Part
from finn_flows.part_facts import PART_FILE, part_facts
from finn_flows.vivado.board import AlveoBoard, VivadoBoard
from finn_flows.vivado.build_result import BITSTREAM, XCLBIN
from finn_flows.vivado.installation import release_remark
from finn_flows.vivado.overlay_memory import overlay_memory
from finn_flows.vivado.part_model import host_operations, is_dense
from reports.missed_goals import missed_words
from reports.resource_text import RESOURCE_TITLES
from reports.sweep_record import Implementation, SweepRecord
from reports.utilization import RESOURCES

if TYPE_CHECKING:
    from jinja2 import Environment

#: Another format than that of a part with our own circuit: it is driven in another way.
FORMAT, FORMAT_VERSION = "split-dse/finn-part", 1
#: Of a part for an Alveo card, which a host drives through XRT.
ALVEO_FORMAT, ALVEO_FORMAT_VERSION = "split-dse/alveo-part", 1
README = "README.md"


def write_part_folder(
    part: Part,
    board: VivadoBoard,
    record: SweepRecord,
    tool_versions: Mapping[str, str],
    directory: Path,
) -> list[Path]:
    """Add README and ``part.json`` to the files of a build in ``directory``; all paths.

    ``part.json`` is written last and names every other file with its sha256. Raises OutputError if
    a file cannot be written, BuildError if FINN's settings of its driver are not as known here.
    """
    found = record.implementation or Implementation()
    memory = overlay_memory(directory)
    card = board if isinstance(board, AlveoBoard) else None
    facts = {
        **part_facts(part, record),
        "board": _board(board),
        "remark": release_remark(tool_versions["vivado"]),
        "memory": None if memory is None else {side: asdict(end) for side, end in memory.items()},
        "dense": part.cut is not None and is_dense(part.whole, part.cut),
        "host_operations": host_operations(part),
        "bitstream": (directory / (BITSTREAM if card is None else XCLBIN)).is_file(),
        "wns_ns": found.wns_ns,
        "whs_ns": found.whs_ns,
        "power_w": found.power_w,
        "run_seconds": found.run_seconds,
        "misses": list(found.misses),
    }
    atomic_write(
        directory / README,
        _environment()
        .get_template("part_readme.md.j2")
        .render(
            **facts,
            card=card,
            resources=RESOURCES,
            titles=RESOURCE_TITLES,
            missed=missed_words(found),
        ),
    )
    files = sorted(
        path for path in directory.rglob("*") if path.is_file() and path != directory / PART_FILE
    )
    manifest: dict[str, Any] = {
        "format": FORMAT if card is None else ALVEO_FORMAT,
        "version": FORMAT_VERSION if card is None else ALVEO_FORMAT_VERSION,
        **facts,
        "tool_versions": {"split-dse": version("split-dse"), **tool_versions},
        "files": {
            str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        },
    }
    atomic_write(directory / PART_FILE, json.dumps(manifest, indent=1) + "\n")
    return [*files, directory / PART_FILE]


def _board(board: VivadoBoard) -> dict[str, str | None]:
    if isinstance(board, AlveoBoard):
        facts = {"platform": board.platform, "memory": board.memory}
        return {"name": board.name, "part": board.part, **facts}
    return {"name": board.name, "part": board.part, "board_part": board.board_part}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("finn_flows.vivado"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
