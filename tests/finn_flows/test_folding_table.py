"""A table of foldings: complete, kept, never trusted damaged, and with FINN's own refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dse.errors import BuildError
from finn_flows import folding_table_file
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.folding import published_folding
from finn_flows.folding_table import ask_finn, legal_foldings
from finn_flows.folding_table_file import folding_table, table_key
from finn_flows.hardware_network import hardware_network
from finn_flows.layer_estimates import LayerEstimates
from finn_flows.network import Network
from tests.random_networks import random_cnv, random_network

DEVICE = "xc7z020clg400-1"
SMALL = random_network(1, input_shape=(6, 6, 2), layers=("conv4", "pool", "dense6", "dense2"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def test_every_legal_folding_has_its_row_and_the_layers_own_numbers() -> None:
    table = ask_finn(SMALL, DEVICE)
    estimates = LayerEstimates(hardware_network(SMALL), DEVICE)
    assert [group.layers for group in table.groups] == [
        ("conv0", "pool0"),
        ("dense1",),
        ("dense2",),
    ]
    for number, (group, position) in enumerate(zip(table.groups, (0, 2, 3), strict=True)):
        foldings = legal_foldings(SMALL, number)
        assert [group.folding(row) for row in range(len(group.simd))] == foldings
        for row, folding in enumerate(foldings):
            assert group.row(folding) == row
            layers = [estimates.layer(position, folding)]
            if position == 0:
                layers.append(estimates.layer(1, folding))
            nodes = [node for layer in layers for node in layer.nodes]
            assert group.counts[row].tolist() == [
                sum(getattr(node, name) for node in nodes)
                for name in ("lut", "bram", "dsp", "uram")
            ]
            assert group.cycles[row] == max(node.cycles or 0 for node in nodes)
            assert group.width_in[row] == layers[0].source.width
    assert table.uncounted == ("Pool_hls",)


def test_a_table_is_asked_once_kept_and_made_again_where_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counting(network: Network, device: str) -> object:
        asked.append(device)
        return ask_finn(network, device)

    monkeypatch.setattr(folding_table_file, "ask_finn", counting)
    first = folding_table(SMALL, DEVICE)
    again = folding_table(SMALL, DEVICE)
    assert asked == [DEVICE]
    file = tmp_path / "cache" / "folding-tables" / f"{table_key(SMALL, DEVICE)}.json"
    for group, other in zip(first.groups, again.groups, strict=True):
        assert group.layers == other.layers
        for name in ("simd", "pe", "memory", "cycles", "counts", "accepted", "width_out"):
            one, two = getattr(group, name), getattr(other, name)
            assert one.dtype == two.dtype
            assert np.array_equal(one, two)
    whole = file.read_text()
    for damaged in (whole.replace("0", "1", 30), whole[:100], "", "[]", "null"):
        file.write_text(damaged)
        folding_table(SMALL, DEVICE)
        assert file.read_text() == whole
    assert len(asked) == 6


def test_other_weights_another_device_or_another_finn_is_another_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = random_network(2, input_shape=(6, 6, 2), layers=("conv4", "pool", "dense6", "dense2"))
    keys = {table_key(SMALL, DEVICE), table_key(other, DEVICE), table_key(SMALL, "xczu3eg")}
    monkeypatch.setattr(folding_table_file, "version", lambda package: f"{package} 99")
    assert len(keys | {table_key(SMALL, DEVICE)}) == 4


def test_what_finn_estimates_but_generates_no_code_for_is_told_apart() -> None:
    """HLS integers end at 8191 bits, and FINN wants SIMD to be at least columns / 1024."""
    wide = random_network(0, input_shape=(4096,), layers=("dense2",))
    group = ask_finn(wide, DEVICE).groups[0]
    accepted = set(group.simd[group.accepted].tolist())
    assert accepted == {4, 8, 16, 32, 64, 128, 256, 512}


@pytest.mark.slow
def test_finn_builds_the_published_folding() -> None:
    network = random_cnv(0)
    table = ask_finn(network, DEVICE)
    folding = published_folding(network)
    for group, layer in zip(table.groups, folding.layers, strict=True):
        assert group.accepted[group.row(layer)]


def test_a_layer_that_finn_refuses_is_named() -> None:
    network = random_network(
        0, input_shape=(8, 8, 3), layers=("conv4", "multiplier", "dense2"), kernel=(3, 3)
    )
    with pytest.raises(BuildError, match="conv1: a depthwise convolution from 4 to 8 channels"):
        folding_table(network, DEVICE)
