"""A residual graph as the planner's chain, against FINN asked of each branch by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dse.plan.chain import PLAN_RESOURCES, Chain, FoldingOption
from dse.plan.fleet import Fleet, PlanBoard
from dse.plan.plan import PlannedPart, part_use
from dse.plan.problem import Objective, Problem
from dse.plan.solve import solve
from dse.plan_graphs import graph_chain
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.folding import Folding, LayerFolding
from finn_flows.graph_estimates import addition_nodes
from finn_flows.graph_order import graph_row
from finn_flows.hardware_network import hardware_network
from finn_flows.layer_estimates import LayerEstimates
from finn_flows.network_graph import Addition, Branch, NetworkGraph
from finn_flows.node_estimates import ConverterEstimates
from finn_flows.qonnx_branches import import_branches
from finn_flows.specialise import Stream
from tests.residual_graphs import residual_model

DEVICE = "xc7z020clg400-1"
COUNTED = {"lut": 0, "bram": 3, "dsp": 4, "uram": 5}


@pytest.fixture(scope="module")
def graph() -> NetworkGraph:
    return import_branches(residual_model(), "residual")


@pytest.fixture(scope="module")
def chains(graph: NetworkGraph, tmp_path_factory: pytest.TempPathFactory) -> tuple[Chain, Chain]:
    """Residual blocks whole, and to be cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        return graph_chain(graph, DEVICE), graph_chain(graph, DEVICE, cut_residual=True)


def test_residual_blocks_stay_whole_unless_every_tensor_that_crosses_is_paid_for(
    chains: tuple[Chain, Chain],
) -> None:
    whole, free = chains
    assert whole.cuts == (1, 4, 8)
    assert [boundary.bytes_per_image for boundary in whole.boundaries] == [
        56, None, None, 56, None, None, None, 32,
    ]  # fmt: skip
    assert "2 tensors cross, 112 bytes" in whole.boundaries[1].why_not
    assert [boundary.bytes_per_image for boundary in free.boundaries] == [
        56, 112, 112, 56, 88, 88, 64, 32,
    ]  # fmt: skip
    assert len(free.boundaries[5].tensors) == 2
    assert {"DuplicateStreams_hls", "ElementwiseAdd_hls", "StreamingFIFO"} <= set(whole.uncounted)
    assert whole.network_sha256 == ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_board_is_counted_as_the_nodes_there_are_and_the_most_of_converters_that_skip(
    chains: tuple[Chain, Chain], graph: NetworkGraph, seed: int
) -> None:
    chain = chains[0]
    random = np.random.default_rng(seed)
    options = tuple(int(random.integers(len(block.options))) for block in chain.blocks)
    board = PlanBoard("board", DEVICE, 100.0, (1e9,) * len(PLAN_RESOURCES))
    whole = PlannedPart(0, len(chain.blocks), options, (0,))
    counted = part_use(Problem(chain, Fleet((board,))), whole)

    chosen = [block.options[k] for block, k in zip(chain.blocks, options, strict=True)]
    foldings = dict(zip((block.name for block in chain.blocks), chosen, strict=True))
    least, widths = _of_branches(graph, foldings)
    row = graph_row(graph)
    for stage in row.stages:
        step = graph.steps[stage.step]
        if isinstance(step, Addition):
            lanes = int(foldings[stage.layers[0]].name.removeprefix("PE "))
            for node in addition_nodes(step, row.tensors, lanes, DEVICE):
                least += [node.lut, node.bram, node.dsp, node.uram]
            widths[stage.layers[0]] = (3 * lanes, 3 * lanes)
    makers = {stage.result: stage.layers[0] for stage in row.stages}
    neighbours = {(a.result, b.layers[0]) for a, b in pairwise(row.stages)}
    converters = ConverterEstimates(DEVICE)
    skipping = 0
    for stage in row.stages:
        step = graph.steps[stage.step]
        for name in stage.sources:
            if name not in makers or (isinstance(step, Branch) and stage.group):
                continue  # the picture, or within a branch
            tensor = row.tensors[name]
            out, into = widths[makers[name]][1], widths[stage.layers[0]][0]
            shape, kind = (1, *tensor.shape), tensor.type
            streams = [Stream(width, shape, kind.qonnx_name, kind.bits) for width in (out, into)]
            for node in converters.between(streams[0], streams[1], ""):
                least += [node.lut, node.bram, node.dsp, node.uram]
            skipping += (name, stage.layers[0]) not in neighbours
    more = np.array([counted[k] or 0.0 for k in COUNTED.values()]) - least
    assert skipping == 3  # both shortcuts, and what conv4 hands over conv5
    assert (more >= 0).all()
    assert (more[1:] == 0).all()  # a converter is of LUT
    assert more[0] <= 0.5 * least[0]


def _of_branches(
    graph: NetworkGraph, foldings: dict[str, FoldingOption]
) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    """FINN's counts of every branch by itself, and the widths of its layers' streams."""
    total, widths = np.zeros(len(COUNTED)), {}
    for step in graph.steps:
        if not isinstance(step, Branch):
            continue
        estimates = LayerEstimates(hardware_network(step.network), DEVICE)
        layers = []
        for position in range(len(step.network.layers)):
            label = step.network.label(position)
            [(simd, pe, memory)] = foldings[label].folding
            layers.append(LayerFolding(simd, pe, memory))
            asked = estimates.layer(position, layers[-1])
            widths[label] = (asked.source.width, asked.result.width if asked.result else 0)
        for node in estimates.whole(Folding("chosen", tuple(layers))).nodes:
            total += [node.lut, node.bram, node.dsp, node.uram]
    return total, widths


@pytest.mark.slow
def test_a_block_that_no_board_holds_whole_is_cut_where_that_is_allowed(
    chains: tuple[Chain, Chain],
) -> None:
    whole, free = chains
    least = [min(option.use[0] or 0.0 for option in block.options) for block in whole.blocks]
    # Enough for any layer and its converters, not for the three of the strided block.
    room = max(least) + sum(sorted(least)[-2:]) / 4
    board = PlanBoard("board", DEVICE, 100.0, (room, *[1e9] * (len(PLAN_RESOURCES) - 1)))
    fleet = Fleet(tuple(replace(board, name=f"board{k}") for k in range(9)))
    plan = solve(Problem(free, fleet), Objective.TRAFFIC)
    assert plan.metrics.traffic == sum(
        free.boundaries[part.last - 1].bytes_per_image or 0 for part in plan.parts[:-1]
    )
    assert any(part.last not in whole.cuts for part in plan.parts[:-1])
