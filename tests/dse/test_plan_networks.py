"""What a user may name for a plan, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from dse import plan_networks
from dse.errors import InputError, NetworkFileError
from dse.plan.chain import Block, Boundary, Chain, Converters, FoldingOption
from dse.plan_chain_file import kept_chain
from dse.plan_networks import planning_chain
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.folding import Folding
from finn_flows.larger_networks import LARGER_NETWORKS, larger_network_file
from tests.residual_graphs import residual_model

DEVICE = "xc7z020clg400-1"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def small_chain() -> Chain:
    nothing = (0.0, None, None, 0.5, 0.0, 0.0)
    option = FoldingOption("SIMD 1 PE 2", nothing, 7, 3, 2, 1, 0, ((1, 2, "auto"),))
    converters = Converters(joint=((nothing, nothing),), leave=(nothing,), enter=(nothing, nothing))
    return Chain(
        "small",
        "finn-estimate",
        (Block("conv0", (option,), ("conv0", "pool0")), Block("add0", (option,))),
        (Boundary("after conv0", None, "within a block", converters, tensors=("a", "b")),),
        uncounted=("Pool_hls",),
    )


def test_a_chain_is_made_once_kept_and_made_again_where_damaged(tmp_path: Path) -> None:
    made = []

    def make() -> Chain:
        made.append(None)
        return small_chain()

    facts: dict[str, object] = {"model": "abc"}
    assert kept_chain(facts, make) == kept_chain(facts, make) == small_chain()
    assert len(made) == 1
    assert kept_chain({"model": "another"}, make) == small_chain()
    assert len(made) == 2
    for damage in ("", "{", '{"sha256": "x", "content": {}}'):
        for file in (tmp_path / "cache" / "chains").iterdir():
            file.write_text(damage)
        before = len(made)
        assert kept_chain(facts, make) == small_chain()
        assert len(made) == before + 1


def test_an_unknown_network_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"resnet18-w4a4.*FILE\.onnx, FILE\.npz"):
        planning_chain("resnet", DEVICE)
    with pytest.raises(InputError, match="lfc-w1a1"):
        larger_network_file("lfc")
    assert list(LARGER_NETWORKS) == sorted(LARGER_NETWORKS)


def test_a_file_that_is_not_there_or_no_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkFileError, match=r"gone\.onnx: cannot read"):
        planning_chain(tmp_path / "gone.onnx", DEVICE)
    (tmp_path / "odd.onnx").write_bytes(b"not a graph")
    with pytest.raises(NetworkFileError, match=r"odd\.onnx"):
        planning_chain(tmp_path / "odd.onnx", DEVICE)


def test_one_folding_of_a_network_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "residual.onnx"
    onnx.save(residual_model(), path)
    with pytest.raises(InputError, match="residual, which is no chain"):
        planning_chain(path, DEVICE, Folding("one", ()))


def test_a_graph_is_read_again_for_another_content_device_or_freedom_to_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def read_chain(path: Path, *wanted: object) -> Chain:
        read.append((path.name, *wanted))
        return small_chain()

    monkeypatch.setattr(plan_networks, "_read_chain", read_chain)
    path = tmp_path / "residual.onnx"
    for seed in (0, 0, 1):
        onnx.save(residual_model(seed), path)
        planning_chain(path, DEVICE)
    planning_chain(path, "xczu7ev-ffvc1156-2-e")
    planning_chain(path, DEVICE, cut_residual=True)
    planning_chain(path, DEVICE)
    assert read == [
        ("residual.onnx", DEVICE, None, False),
        ("residual.onnx", DEVICE, None, False),
        ("residual.onnx", "xczu7ev-ffvc1156-2-e", None, False),
        ("residual.onnx", DEVICE, None, True),
    ]
