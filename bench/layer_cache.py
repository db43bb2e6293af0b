"""A cold sweep of six splits: each layer synthesised once, against each part synthesised whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from bench.comparison import Comparison, compare
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.circuit.layer_circuit import Circuit
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.cut import Cut
from finn_flows.folding import published_folding
from finn_flows.simulation.fifo_depths import fifo_depths
from finn_flows.synthesis.cache import cached_synthesis
from finn_flows.synthesis.design import Design
from finn_flows.synthesis.recipe import synthesise
from finn_flows.tool_process import Limits
from finn_flows.weights import load_weights
from reports.sweep_record import PartName

_DEVICE = "xc7z020clg400-1"
_SPLITS = range(6)
#: A second is too short to speak of: parts are counted by this many.
_SECONDS = 1000


def layer_cache() -> Comparison:
    """Synthesis of both parts of splits 0-5 of CnvW2A2 from nothing, on every core, either way.

    One round: the alternative takes many minutes.
    """
    circuits = _circuits()
    workers = len(os.sched_getaffinity(0))
    return compare(
        "both parts of splits 0-5, cold",
        f"parts/{_SECONDS} s",
        ("each layer once", lambda: _by_layer(circuits, workers)),
        ("each part whole", lambda: _whole_parts(circuits, workers)),
        rounds=1,
    )


def _circuits() -> list[Circuit]:
    network = load_weights(None, None).network
    folding = published_folding(network)
    depths = fifo_depths(network, folding, _DEVICE)
    return [
        part_circuit(Part(network, name, Cut(split), folding, _DEVICE, 100.0), depths)
        for split in _SPLITS
        for name in (PartName.FIRST, PartName.SECOND)
    ]


def _by_layer(circuits: list[Circuit], workers: int) -> int:
    designs = {
        layer.sha256: Design(layer.module, layer.sources, layer.memory_files, _DEVICE)
        for circuit in circuits
        for layer in (*circuit.layers, *circuit.glue)
    }
    with (
        tempfile.TemporaryDirectory() as cache,
        patch.dict(os.environ, {CACHE_VARIABLE: cache}),
        ThreadPoolExecutor(workers) as pool,
    ):
        _wait(pool.map(lambda design: cached_synthesis(design, Limits()), designs.values()))
    return len(circuits) * _SECONDS


def _whole_parts(circuits: list[Circuit], workers: int) -> int:
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(workers) as pool:

        def build(numbered: tuple[int, Circuit]) -> None:
            number, circuit = numbered
            folder = Path(scratch) / str(number)
            folder.mkdir()
            design = Design("part", circuit.sources, circuit.memory_files, _DEVICE)
            synthesise(design, Limits(seconds=3600.0), folder)

        _wait(pool.map(build, enumerate(circuits)))
    return len(circuits) * _SECONDS


def _wait(results: Iterable[object]) -> None:
    for _ in results:
        pass
