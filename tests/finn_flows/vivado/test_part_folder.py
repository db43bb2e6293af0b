"""The folder of a part says what its overlay moves: what FINN's driver is told, not our circuit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dse.errors import BuildError
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.vivado.overlay_memory import SETTINGS, overlay_memory
from tests.dse.deploy.finn_folder import FIRST, SECOND, write_finn_folder
from tests.fakes.vendor_tools import VendorTools


@pytest.mark.parametrize(("part", "away"), [(FIRST, "input"), (SECOND, "output")])
def test_a_part_says_what_its_dma_moves(
    part: Part,
    away: str,
    vendor_tools: VendorTools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    folder = write_finn_folder(part, tmp_path / "part")
    facts = json.loads((folder / "part.json").read_text())
    told = json.loads((folder / SETTINGS).read_text())["driver_information"]["io_shape_dict"]
    readme = (folder / "README.md").read_text()
    for side, memory in facts["memory"].items():
        # FINN's driver makes its buffers of this shape, in bytes.
        buffer = np.zeros(told[f"{side[0]}shape_packed"][0], np.uint8)
        assert memory["bytes_per_image"] == buffer.nbytes
        assert (1, *memory["shape"]) == buffer.shape
        assert told[f"{side[0]}dt"] == [f"DataType['{memory['type']}']"]
        values = np.prod(told[f"{side[0]}shape_folded"][0])
        assert values == np.prod(facts["streams"][side]["shape"])
        assert memory["values_per_word"] * memory["bits"] <= 8 * memory["bytes_per_word"]
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| {side} | `")]
        assert f"{memory['type']}, {memory['bits']} bits | {buffer.nbytes} |" in row
    # Away from the cut there are no words of 64 bits.
    assert facts["memory"][away]["bytes_per_image"] != facts["streams"][away]["bytes_per_image"]
    other = "output" if away == "input" else "input"
    assert facts["memory"][other]["bytes_per_image"] == facts["streams"][other]["bytes_per_image"]


def test_without_a_driver_nothing_is_said_of_memory(tmp_path: Path) -> None:
    assert overlay_memory(tmp_path) is None
    (tmp_path / SETTINGS).parent.mkdir()
    (tmp_path / SETTINGS).write_text('{"driver_information": {}}')
    with pytest.raises(BuildError, match=r"settings\.json: not as FINN writes it"):
        overlay_memory(tmp_path)
