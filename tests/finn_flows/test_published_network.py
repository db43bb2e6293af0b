"""The published network is told by its layers, whatever it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

import dse
from dse.errors import FoldingError
from finn_flows.folding import published_folding
from finn_flows.integer_type import IntegerType
from finn_flows.network import MaxPoolLayer
from finn_flows.network_file import save_network
from finn_flows.published_network import is_cnv_w2a2
from reports.utilization import Source
from tests.random_networks import random_cnv, random_network


def test_weights_and_names_do_not_matter() -> None:
    assert is_cnv_w2a2(random_cnv(1))
    assert is_cnv_w2a2(random_cnv(2).renamed("something else"))
    assert is_cnv_w2a2(dse.load().network)


def test_layers_do() -> None:
    network = random_cnv(1)
    moved = [layer for layer in network.layers if not isinstance(layer, MaxPoolLayer)]
    layers = ("conv64", "conv64", "pool", "conv128", "conv128", "pool", "conv256", "conv256")
    dense = ("dense512", "dense512", "dense10")
    others = [
        random_network(1).renamed("CnvW2A2"),
        replace(network, input_type=IntegerType.signed(4), layers=network.layers),
        random_network(
            1, input_shape=(32, 32, 3), layers=layers + dense, weight_type=IntegerType.bipolar()
        ),
        random_network(
            1, input_shape=(32, 32, 3), layers=layers + dense, activation=IntegerType.signed(3)
        ),
        random_network(1, input_shape=(36, 36, 3), layers=(*layers[:6], "conv256", *dense)),
    ]
    assert len(moved) == 9
    for other in others:
        assert not is_cnv_w2a2(other)
        with pytest.raises(FoldingError, match="no folding is published"):
            published_folding(other)


@pytest.mark.slow
def test_published_figures_stand_beside_that_network_only(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A file called CnvW2A2 with another network in it gets no published figures."""
    folder = tmp_path_factory.mktemp("named")
    save_network(random_network(1).renamed("CnvW2A2"), folder / "CnvW2A2.npz")
    save_network(random_cnv(1).renamed("mine"), folder / "mine.npz")
    other = dse.sweep(
        str(folder / "CnvW2A2.npz"), out=folder / "other", splits=[0], backends=["estimate"]
    )
    assert Source.PAPER not in other.split_table.sources
    same = dse.sweep(
        str(folder / "mine.npz"), out=folder / "same", splits=[5], backends=["estimate"]
    )
    assert Source.PAPER in same.split_table.sources
    assert same.split_table.differences
    refolded = dse.sweep(
        str(folder / "mine.npz"),
        out=folder / "refolded",
        splits=[5],
        folding="auto:400000",
        backends=["estimate"],
    )
    assert Source.PAPER in refolded.split_table.sources
    assert not refolded.split_table.differences, "another folding is another circuit"
