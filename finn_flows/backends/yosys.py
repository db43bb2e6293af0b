"""The ``yosys`` backend: every part as real RTL, synthesised by Yosys, measured by simulation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dse.atomic_write import atomic_write
from dse.errors import BuildError
from finn_flows.backends.interface import BuildResult, Part, SharedStep
from finn_flows.backends.yosys_steps import measure_fifos, shared_steps, synthesise_layer
from finn_flows.circuit.layer_circuit import Circuit, LayerCircuit
from finn_flows.circuit.part_circuit import FIFO, part_circuit
from finn_flows.hardware_network import WIRE
from finn_flows.network import Network
from finn_flows.tool_process import Limits
from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import Source, total

if TYPE_CHECKING:
    from finn_flows.simulation.simulation_result import SimulationResult
    from finn_flows.synthesis.design import Synthesis

#: Changes with every change of ours that can change the numbers (part of the store's key). The
#: RTL library's own text is part of every layer's key and need not be counted here.
FLOW_VERSION = "1"
#: Images of a measurement, back to back; the next number where intervals have not settled yet.
MEASURED_IMAGES = (5, 12, 40)
_SEED = 2020


class YosysBackend:
    """LUT, LUTRAM, FF, BRAM, DSP as Yosys synthesises each layer; cycles as Verilator counts them.

    A part is the sum of its layers, each synthesised once for all parts that have it. Every build
    compares the simulated outputs with the integer network, bit for bit, and fails where they
    differ. ``writeable``: weights are written at run time, as BNN-PYNQ's are; else they are fixed.
    ``limits``: time and memory that Yosys may take for one layer.
    """

    name = "yosys"
    source = Source.YOSYS
    depends_on_clock = False

    def __init__(self, *, writeable: bool = True, limits: Limits | None = None) -> None:
        self.writeable = writeable
        self.limits = limits or Limits()

    def tool_versions(self) -> dict[str, str]:
        """Of Yosys, Verilator, FINN (it writes the window generators), our RTL and our flow."""
        from finn_flows.circuit.library import library_sha256

        return {
            "pyosys": version("pyosys"),
            "verilator": version("verilator"),
            "finn-plus": version("finn-plus"),
            "rtl": library_sha256()[:16],
            "weights": "writeable" if self.writeable else "fixed",
            "flow": FLOW_VERSION,
        }

    def circuit(self, part: Part) -> Circuit:
        """The circuit of ``part``, its FIFOs as deep as simulation of the network asks for."""
        fifos = measure_fifos(part.whole, part.folding, part.device)
        return part_circuit(part, fifos.depths, writeable=self.writeable)

    def build(self, part: Part, directory: Path) -> BuildResult:
        """Synthesise and simulate ``part``; leaves ``measurement.json`` and ``cells.json``.

        Raises BuildError naming the layer that has no circuit, that Yosys cannot synthesise, or
        that gives other values than the network.
        """
        if not part.network.layers:
            return BuildResult(None, None, None, ())
        circuit = self.circuit(part)
        pieces = [*circuit.layers, *circuit.glue]
        made = [synthesise_layer(layer, part.device, self.limits) for layer in pieces]
        alone = measure_fifos(part.whole, part.folding, part.device).alone
        layers = tuple(
            _record(layer, synthesis, alone.get(layer.label))
            for layer, synthesis in zip(pieces, made, strict=True)
        )
        measured = _measure(part, circuit)
        assert measured.steady_state_interval is not None  # it has settled
        artefacts = {
            "cells": _write(
                directory / "cells.json",
                {piece.label: found.cells for piece, found in zip(pieces, made, strict=True)},
            ),
            "measurement": _write(directory / "measurement.json", _measurement(measured)),
        }
        return BuildResult(
            total([layer.utilization for layer in layers]),
            round(measured.steady_state_interval),
            _network_label(circuit.slowest.label),
            layers,
            artefacts,
            cycles_measured=True,
            latency_cycles=measured.latency,
        )

    def write_folder(self, part: Part, record: SweepRecord, directory: Path) -> list[Path]:
        """Everything of the circuit of ``part``, built before as ``record`` says; the paths.

        See :mod:`finn_flows.circuit.part_folder`.
        """
        from finn_flows.circuit.part_folder import write_part_folder

        circuit = self.circuit(part)
        logs = {
            f"{piece.label}.log": synthesise_layer(piece, part.device, self.limits).log.read_text()
            for piece in (*circuit.layers, *circuit.glue)
        }
        return write_part_folder(part, circuit, record, self.tool_versions(), directory, logs)

    def shared_steps(self, points: Sequence[Part]) -> Sequence[SharedStep]:
        """The FIFO depths, then each layer; see :mod:`finn_flows.backends.yosys_steps`."""
        return shared_steps(points, writeable=self.writeable, limits=self.limits)


def _record(layer: LayerCircuit, synthesis: Synthesis, cycles: int | None) -> LayerRecord:
    """``cycles``: per image of the layer by itself, measured; None for what only passes on."""
    return LayerRecord(
        layer.label,
        _network_label(layer.label),
        synthesis.utilization,
        cycles,
        cycles_measured=cycles is not None,
        logic_depth=synthesis.logic_depth.luts,
        carry_depth=synthesis.logic_depth.carries,
    )


def _network_label(label: str) -> str:
    """The network's layer that a piece of the circuit belongs to; the wire's for what none has."""
    layer = label.removeprefix(FIFO)
    return layer if layer.rstrip("0123456789_") in ("conv", "dense", "pool") else WIRE


def _measure(part: Part, circuit: Circuit) -> SimulationResult:
    """Run images through ``circuit`` until it is in a steady state.

    Raises BuildError unless it gives what the network gives and settles.
    """
    for images in MEASURED_IMAGES:
        measured = _run(part, circuit, images)
        if measured.is_settled:
            return measured
    raise BuildError(
        f"{part}: intervals between {MEASURED_IMAGES[-1]} images did not settle: "
        f"{measured.intervals.tolist()}"
    )


def _run(part: Part, circuit: Circuit, count: int) -> SimulationResult:
    from finn_flows.cut import CutTensor
    from finn_flows.integer_reference import run_integers
    from finn_flows.simulation.simulate import simulate

    network = part.network
    images = _inputs(part, count)
    source = CutTensor(network.input_shape, network.input_type)
    result = CutTensor(network.output_shape, network.output_type)
    measured = simulate(circuit, source.pack(images))
    expected = result.pack(run_integers(network, images))
    if not np.array_equal(measured.words, expected):
        image, word = np.argwhere(measured.words != expected)[0]
        raise BuildError(
            f"{part}: the circuit gives another result than the network: image {image}, "
            f"word {word}: {int(measured.words[image, word]):#018x}",
            expected=f"{int(expected[image, word]):#018x}",
        )
    return measured


def _inputs(part: Part, count: int) -> np.ndarray:
    """What enters ``part`` for random pictures: int32 (count, *input_shape)."""
    from finn_flows.cut import split_network
    from finn_flows.integer_reference import run_integers

    whole: Network = part.whole
    generator = np.random.default_rng(_SEED)
    shape = (count, *whole.input_shape)
    if whole.pixel_table is not None:
        images = whole.encode_pixels(generator.integers(0, 256, shape, dtype=np.uint8))
    else:
        kind = whole.input_type
        values = np.arange(kind.minimum, kind.maximum + 1, kind.step, dtype=np.int32)
        images = generator.choice(values, size=shape)
    if part.cut is None or part.name is not PartName.SECOND:
        return images
    return run_integers(split_network(whole, part.cut)[0], images)


def _measurement(measured: SimulationResult) -> dict[str, object]:
    return {
        "latency": measured.latency,
        "intervals": measured.intervals.tolist(),
        "simulated_cycles": measured.cycles,
        "streams": [asdict(stream) for stream in measured.streams],
    }


def _write(path: Path, data: object) -> Path:
    atomic_write(path, json.dumps(data, indent=1) + "\n")
    return path
