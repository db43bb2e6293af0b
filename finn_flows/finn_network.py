"""A network, or a part, as FINN's hardware layers that can be run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from finn_flows.cut import Cut, split_network
from finn_flows.finn_execution import execute_graph
from finn_flows.hardware_network import hardware_network
from finn_flows.network import Network


class FinnNetwork:
    """The hardware layers of a whole network (``cut`` None) or of one side of a cut.

    The graph is the very one whose resources are estimated. Tens of milliseconds per image.
    """

    def __init__(self, whole: Network, cut: Cut | None = None, *, second: bool = False) -> None:
        self.network = whole if cut is None else split_network(whole, cut)[int(second)]
        self.model = hardware_network(whole).part(cut, second)

    def run(self, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
        """Integers (images, *input_shape) to int32 (images, *output_shape)."""
        return execute_graph(self.model, self.network, tensor)
