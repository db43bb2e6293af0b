"""Both partitioners that come with FINN+, on a graph of FINN's, without a board's tools.

Elastic-DF's (``finn.analysis.fpgadataflow.partitioning``) places every node on a device so that the
fewest streams cross, a crossing to the next device costing 10; nothing tells two cuts apart. It
subtracts the network stack of an Alveo card (35,219 LUTs, 183 RAMB18) from every device, whatever
it is, so that CnvW2A2 fits no two PYNQ-Z1; here each device has what the caller says instead.

FINN+'s (``PartitionForMultiFPGA``) makes a chain of exactly as many devices as are given, and
minimises over the devices the greatest sum over LUT, FF, DSP and RAMB18 of |share used - ideal
share| (``RESOURCE_UTILIZATION``), or the greatest difference of a device's number of nodes from the
mean (``LAYER_COUNT``). It refuses a graph with a node that is estimated to take nothing, as every
Pool of CnvW2A2 is: on both sides such a node counts 1 LUT.
"""

from __future__ import annotations

import contextlib
import locale
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

#: What FINN's estimates and platforms count, by FINN's names.
FINN_RESOURCES = ("LUT", "FF", "DSP", "BRAM_18K")
#: FINN+'s defaults.
IDEAL_SHARE, GREATEST_SHARE = 0.70, 0.80
#: Elastic-DF's cost of a stream between neighbouring devices.
CROSSING = 10
#: Seconds for a solver; FINN+'s default.
TIME_LIMIT = 100


@dataclass(frozen=True)
class FinnDevice:
    """A device as FINN's platforms have it: ``capacity`` by :data:`FINN_RESOURCES`.

    ``limit``: the greatest share of each that may be used; ``ideal``: FINN+'s.
    """

    board: str
    part: str
    capacity: tuple[int, ...]
    limit: float = GREATEST_SHARE

    @property
    def ideal(self) -> float:
        return min(IDEAL_SHARE, self.limit)


def finn_device(board: str, limit: float = GREATEST_SHARE) -> FinnDevice:
    """Of FINN's platform of that name."""
    from finn.util.basic import part_map
    from finn.util.platforms import platforms
    from finn.util.resources import available_resources_on_platform

    capacity = available_resources_on_platform(platforms[board](), list(FINN_RESOURCES))
    sizes = tuple(capacity[name] for name in FINN_RESOURCES)
    return FinnDevice(board, part_map[board], sizes, limit)


@dataclass(frozen=True)
class Placement:
    """Which device each node is on; seconds to build the solver's model and to solve it.

    ``devices`` is None where no placement keeps to the limits; ``value``: what the solver says its
    objective came to.
    """

    devices: tuple[int, ...] | None
    value: float | None
    building: float
    solving: float


def node_estimates(model: ModelWrapper, part: str) -> list[dict[str, int]]:
    """Of each node, by :data:`FINN_RESOURCES`: FINN's, and 1 LUT for a node of nothing."""
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    found = model.analysis(lambda graph: res_estimation(graph, part))
    counted = []
    for node in model.graph.node:
        counts = {name: int(found[node.name].get(name, 0)) for name in FINN_RESOURCES}
        if not any(counts.values()):
            counts["LUT"] = 1
        counted.append(counts)
    return counted


def finn_plus_placement(
    model: ModelWrapper, device: FinnDevice, count: int, strategy: str
) -> Placement:
    """Of ``PartitionForMultiFPGA``'s partitioner. ``strategy``: a name of PartitioningStrategy."""
    from finn.builder.build_dataflow_config import (
        DataflowBuildConfig,
        PartitioningConfiguration,
        PartitioningStrategy,
    )
    from finn.transformation.fpgadataflow.multifpga.aurora import partitioner as aurora

    estimates = node_estimates(model, device.part)
    named = dict(zip((node.name for node in model.graph.node), estimates, strict=True))
    with (
        tempfile.TemporaryDirectory() as folder,
        _replaced(aurora, "get_estimated_model_resources", lambda *_: named),
        _locale_that_can_be_restored(),
        _silence(),
    ):
        configuration = DataflowBuildConfig(
            output_dir=folder,
            synth_clk_period_ns=10.0,
            generate_outputs=[],
            board=device.board,
            partitioning_configuration=PartitioningConfiguration(
                num_fpgas=count,
                partition_strategy=PartitioningStrategy[strategy],
                ideal_utilization=device.ideal,
                max_utilization=device.limit,
                considered_resources=list(FINN_RESOURCES),
            ),
        )
        start = time.perf_counter()
        with aurora.AuroraPartitioner(configuration, model) as partitioner:
            built = time.perf_counter()
            mapping = partitioner.solve(TIME_LIMIT)
            solved = time.perf_counter()
            value = partitioner.objective_value
    devices = None
    if mapping is not None:
        devices = tuple(mapping[node.name] for node in model.graph.node)
    return Placement(devices, value, built - start, solved - built)


def elastic_df_placement(model: ModelWrapper, device: FinnDevice, count: int) -> Placement:
    """Of Elastic-DF's partitioner, every node as it is folded (``multivariant=False``)."""
    import numpy as np
    from finn.analysis.fpgadataflow import partitioning
    from finn.util.platforms import Platform

    lut, ff, dsp, bram = device.capacity

    class Bare(Platform):
        """The device without a network stack and memory controllers that it has not."""

        compute_resources = ((lut, ff, bram, 0, dsp),)

        @property
        def guide_resources(self) -> list[list[int]]:
            return [list(self.compute_resources[0])] * self.ndevices

        def __init__(self, ndevices: int, limits: Any, avg_constraints: Any) -> None:
            super().__init__(
                ndevices=ndevices,
                sll_count=[[0]],
                ddr_slr=[],
                eth_gbps=1,
                limits=limits,
                avg_constraints=avg_constraints,
            )

    made: list[Any] = []

    class Watched(partitioning.ILP_partitioner):  # type: ignore[misc]
        """Remembers itself, for its times; prints nothing.

        (Its report divides by 0 where a device has no URAM, as no Zynq has.)
        """

        def __init__(self) -> None:
            super().__init__()
            made.append(self)

        def report_best_solution(self, *_: Any, **__: Any) -> None:
            pass

    estimates = node_estimates(model, device.part)
    named = {
        node.name: [{"config": {}, "estimate": {"URAM": 0, **counts}}]
        for node, counts in zip(model.graph.node, estimates, strict=True)
    }
    with (
        _replaced(partitioning, "ILP_partitioner", Watched),
        _replaced(partitioning, "res_estimation_complete", lambda *_, **__: named),
        _entry(partitioning.platforms, device.board, Bare),
        _silence(),
    ):
        floorplans = partitioning.partition(
            model,
            10.0,
            device.board,
            ndevices=count,
            timeout=TIME_LIMIT,
            multivariant=False,
            limits=np.array([device.limit] * 5),
            avg_constraints=[],
        )
    building, solving = made[0].get_run_times()
    if floorplans is None:
        return Placement(None, None, building, solving)
    devices = tuple(floorplans[0][node.name]["device_id"] for node in model.graph.node)
    return Placement(devices, made[0].model.objective_value, building, solving)


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextlib.contextmanager
def _entry(table: Any, key: str, value: Any) -> Iterator[None]:
    before: Mapping[str, Any] = dict(table)
    table[key] = value
    try:
        yield
    finally:
        table.clear()
        table.update(before)


@contextlib.contextmanager
def _locale_that_can_be_restored() -> Iterator[None]:
    """FINN+ sets the locale anew as Python names it, which C.UTF-8 is not the name of."""
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        yield
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing to standard output, from the solver's C code neither."""
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
