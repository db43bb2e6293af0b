"""A network that is no chain, put in a row: what is computed one after the other, and what crosses.

Every step finds what it needs in those before it, so that the row can be cut anywhere; a cut then
carries every tensor that is made before it and needed behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from finn_flows.folding_table import layer_groups
from finn_flows.network_graph import Addition, Branch, GraphTensor, NetworkGraph


@dataclass(frozen=True)
class Stage:
    """A compute layer with the pools behind it, or an addition with its thresholds.

    ``layers``: labels. ``sources``: names of the tensors it reads, ``result``: of what it makes.
    ``step``: which of the graph's; ``group``: which layer group of the branch, else 0.
    """

    layers: tuple[str, ...]
    sources: tuple[str, ...]
    result: str
    step: int
    group: int = 0


@dataclass(frozen=True, eq=False)
class GraphRow:
    """``stages`` in order; ``tensors`` by name: the graph's, and those within branches."""

    stages: tuple[Stage, ...]
    tensors: dict[str, GraphTensor]

    def crossing(self, position: int) -> tuple[GraphTensor, ...]:
        """What is made by the first ``position`` stages and read by the others, in order."""
        needed = {name for stage in self.stages[position:] for name in stage.sources}
        return tuple(
            self.tensors[stage.result] for stage in self.stages[:position] if stage.result in needed
        )


def graph_row(graph: NetworkGraph) -> GraphRow:
    """The stages of ``graph``, branch after branch."""
    stages: list[Stage] = []
    tensors = dict(graph.tensors)
    additions = 0
    for position, step in enumerate(graph.steps):
        if isinstance(step, Addition):
            stages.append(Stage((f"add{additions}",), step.sources, step.result, position))
            additions += 1
        else:
            stages += _of_branch(step, position, tensors)
    return GraphRow(tuple(stages), tensors)


def _of_branch(branch: Branch, position: int, tensors: dict[str, GraphTensor]) -> list[Stage]:
    network, source = branch.network, branch.source
    stages: list[Stage] = []
    groups = layer_groups(network)
    for index, group in enumerate(groups):
        labels = tuple(network.label(at) for at in group)
        if index == len(groups) - 1:
            result = branch.result
        else:
            result = labels[-1]
            tensors[result] = GraphTensor(
                result, network.shapes[group.stop], network.type_after(group.stop)
            )
        stages.append(Stage(labels, (source,), result, position, index))
        source = result
    return stages
