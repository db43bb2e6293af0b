"""HLS of the layers that several parts of a sweep have, before the parts and beside each other."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from dse.errors import BuildError, DseError, InputError, StoreError
from finn_flows.backends.interface import Part, SharedStep
from finn_flows.fold_nodes import folding_at
from finn_flows.folding import Folding
from finn_flows.network import Network
from finn_flows.part_facts import layer_range
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import ToolError
from finn_flows.vivado.finn_session import finn_session
from finn_flows.vivado.hls_blocks import hls_block, hls_key
from finn_flows.vivado.hls_run import run_hls
from finn_flows.vivado.installation import find_installation
from finn_flows.vivado.part_model import layer_model
from finn_flows.vivado.zynq_shell import clock_period_ns
from reports.sweep_record import PartName


@dataclass
class _Need:
    """A layer, the multipliers it has (by which its HLS takes long), the points with it."""

    part: Part
    position: int
    multipliers: int
    points: set[int] = field(default_factory=set)


def shared_steps(
    points: Sequence[Part], versions: Mapping[str, str], limits: Limits, *, measure: bool
) -> list[SharedStep]:
    """FIFO depths where they are measured, then each layer that several points have.

    ``versions``: of all that decides what HLS makes.
    """
    depths: dict[str, tuple[Part, set[int]]] = {}
    layers: dict[str, _Need] = {}
    for index, part in enumerate(points):
        if not part.network.layers:
            continue
        whole = part.whole
        if measure:
            key = _digest("fifo depths", whole.sha256, part.folding.sha256, part.device)
            depths.setdefault(key, (part, set()))[1].add(index)
        for position in range(*layer_range(part)):
            chosen = folding_at(whole, part.folding, position)
            facts = [position, asdict(chosen), part.device, part.clock_mhz, dict(versions)]
            key = _digest("hls", whole.sha256, json.dumps(facts, sort_keys=True))
            need = layers.setdefault(key, _Need(part, position, chosen.simd * chosen.pe))
            need.points.add(index)
    steps = [
        SharedStep(
            "FIFO depths",
            key,
            try_fifo_depths,
            (part.whole, part.folding, part.device),
            frozenset(needed_by),
        )
        for key, (part, needed_by) in depths.items()
        if len(needed_by) > 1
    ]
    longest_first = sorted(layers.items(), key=lambda item: -item[1].multipliers)
    return steps + [
        SharedStep(
            f"{need.part.whole.label(need.position)}: HLS",
            key,
            layer_hls,
            (need.part, need.position, limits),
            frozenset(need.points),
        )
        for key, need in longest_first
        if len(need.points) > 1
    ]


def try_fifo_depths(whole: Network, folding: Folding, device: str) -> dict[str, int]:
    """Elements of the FIFO before each layer; none where there is no circuit of ours to simulate.

    FIFOs make nothing right or wrong, only slower or quicker. Whether there is a circuit of this
    network so folded is a property of the part. Raises BuildError where there is one but it cannot
    be simulated here: without a compiler, say, or in time. (The result's key says ``measured``.)
    """
    from finn_flows.circuit.part_circuit import part_circuit
    from finn_flows.simulation.fifo_depths import boundary_bits, search_fifo_depths

    try:
        # No depth depends on a clock.
        circuit = part_circuit(Part(whole, PartName.WHOLE, None, folding, device, 100.0))
    except (BuildError, InputError) as error:
        if isinstance(error.__cause__, OSError | MemoryError):
            raise
        return {}
    try:
        return search_fifo_depths(circuit, boundary_bits(whole)).depths
    except StoreError:
        raise
    except DseError as error:
        raise BuildError(f"FIFO depths: {error}") from error


def layer_hls(part: Part, position: int, limits: Limits) -> None:
    """Have the blocks of ``part.whole.layers[position]`` made, if no build has made them before.

    Raises ToolError and BuildError, naming the layer.
    """
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
    from finn.util.fpgadataflow import is_hls_node

    installation = find_installation()
    run = partial(
        run_hls,
        installation=installation,
        device=part.device,
        limits=limits,
        status=lambda _: None,
    )
    with tempfile.TemporaryDirectory() as folder:
        with finn_session(Path(folder)):
            model = layer_model(part, position)
            model = model.transform(PrepareIP(part.device, clock_period_ns(part.clock_mhz)))
            found = [
                (node, hls_key(node, part.device, installation.release))
                for node in model.graph.node
                if is_hls_node(node)
            ]
        for node, key in found:
            try:
                hls_block(node, key, run)
            except ToolError as error:
                # Named as its shared step is, which need not be said twice.
                name = node.op_type.removesuffix("_hls")
                step = f"{part.whole.label(position)}: HLS of {name}"
                named = ToolError(step, error.kind, error.reason, log=error.log)
                for note in getattr(error, "__notes__", ()):
                    named.add_note(note)
                raise named from error.__cause__


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
