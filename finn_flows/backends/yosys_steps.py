"""What the parts of a sweep have in common under the ``yosys`` backend."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from dse.errors import BuildError, DseError
from finn_flows.backends.interface import Part, SharedStep
from finn_flows.circuit.layer_circuit import LayerCircuit
from finn_flows.circuit.part_circuit import FIFO, part_circuit
from finn_flows.folding import Folding
from finn_flows.network import Network
from finn_flows.simulation.fifo_depths import FifoDepths
from finn_flows.synthesis.design import Synthesis
from finn_flows.tool_process import Limits
from reports.devices import device_of
from reports.utilization import Utilization


@dataclass
class _LayerNeed:
    """A layer, the multipliers it has (by which its synthesis takes long), the points with it."""

    layer: LayerCircuit
    device: str
    multipliers: int
    points: set[int] = field(default_factory=set)


def shared_steps(points: Sequence[Part], *, writeable: bool, limits: Limits) -> list[SharedStep]:
    """FIFO depths of each (network, folding, device), then each layer, longest first.

    FIFOs are left to the points: how deep they are is only known afterwards, and one takes a second
    to synthesise.
    """
    depths: dict[str, tuple[Part, set[int]]] = {}
    layers: dict[str, _LayerNeed] = {}
    for index, part in enumerate(points):
        try:
            circuit = part_circuit(part, writeable=writeable)
        except DseError:
            continue
        key = _digest("fifo depths", part.whole.sha256, part.folding.sha256, part.device)
        depths.setdefault(key, (part, set()))[1].add(index)
        for layer in circuit.layers:
            if layer.label.startswith(FIFO):
                continue
            need = layers.setdefault(
                _digest("layer", layer.sha256, part.device),
                _LayerNeed(layer, part.device, _multipliers(layer, part)),
            )
            need.points.add(index)
    steps = [
        SharedStep(
            "FIFO depths",
            key,
            measure_fifos,
            (part.whole, part.folding, part.device),
            frozenset(needed_by),
        )
        for key, (part, needed_by) in depths.items()
    ]
    longest_first = sorted(layers.items(), key=lambda item: -item[1].multipliers)
    return steps + [
        SharedStep(
            # Every cut has an unpacker and a packer of its own: their modules tell them apart.
            f"layer {need.layer.label}" if need.layer.cycles is not None else need.layer.module,
            key,
            synthesise_layer,
            (need.layer, need.device, limits),
            frozenset(need.points),
        )
        for key, need in longest_first
    ]


def synthesise_layer(layer: LayerCircuit, device: str, limits: Limits) -> Synthesis:
    """The synthesis of one layer, from the cache if it is there.

    Raises BuildError, naming the layer, where Yosys cannot make it, or where it alone takes more
    than the device has.
    """
    from finn_flows.synthesis.cache import cached_synthesis
    from finn_flows.synthesis.design import Design

    design = Design(layer.module, layer.sources, layer.memory_files, device)
    try:
        synthesis = cached_synthesis(design, limits)
    except BuildError as error:
        raise BuildError(f"{layer.label}: {error}") from error
    _check_fits(layer.label, synthesis.utilization)
    return synthesis


def _check_fits(label: str, utilization: Utilization) -> None:
    device = device_of(utilization.device)
    available = device.available()
    for name, used in utilization.resources().items():
        there = available[name]
        if used is not None and there is not None and used > there:
            raise BuildError(
                f"{label} alone does not fit {device.name}: it takes {used:g} "
                f"{name.replace('_', ' ').upper()}",
                expected=f"at most {there}: a smaller PE or SIMD, or another memory",
            )


def measure_fifos(whole: Network, folding: Folding, device: str) -> FifoDepths:
    """Depth of the FIFO before each layer and its cycles alone, from the cache if it is there."""
    from finn_flows.simulation.fifo_depths import measured_fifos

    return measured_fifos(whole, folding, device)


def _multipliers(layer: LayerCircuit, part: Part) -> int:
    if layer.number is None:
        return 0
    fold = part.folding.layers[layer.number - part.whole.first_layer]
    return fold.simd * fold.pe


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
