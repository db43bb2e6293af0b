"""A chain of what a sweep counted: sums of the very records; and how far its sources are apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dse.errors import InputError
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.design_points import DesignPoints
from dse.plan.plan import PlannedPart, part_cycles
from dse.plan_bands import error_bands, measured_bands
from dse.plan_chains import planned_folding
from dse.plan_swept import swept_chain
from dse.sweep_file import sweep_file_text, write_sweep_file
from finn_flows.cut import Cut, cut_position
from finn_flows.folding import Folding
from finn_flows.network import Network
from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import RESOURCES, Scope, Source, Stage, Utilization, total
from tests.dse.small_network import small_folding, small_network

NETWORK, FOLDING = small_network(), small_folding()
DEVICE = "xc7z020clg400-1"


def counted(seed: str, source: Source = Source.YOSYS) -> Utilization:
    """Some counts, the same for the same ``seed``."""
    number = int.from_bytes(seed.encode(), "big") % 2**32
    random = np.random.default_rng(number)
    counts = {
        name: float(value) for name, value in zip(RESOURCES, random.integers(1, 99, 7), strict=True)
    }
    return Utilization(DEVICE, source.value, "1", Stage.SYNTHESISED, Scope.OUT_OF_CONTEXT, **counts)


def swept_part(
    name: PartName, cut: int | None = None, *, network: Network = NETWORK
) -> SweepRecord:
    """As the yosys backend makes it: FIFO and layer in turn, between unpacker and packer."""
    positions = range(len(network.layers))
    if cut is not None:
        at = cut_position(network, Cut(cut))
        positions = positions[:at] if name is PartName.FIRST else positions[at:]
    layers = [LayerRecord("unpacker", "wire", counted(f"in{positions.start}"), None)]
    for position in positions:
        label = network.label(position)
        layers.append(LayerRecord(f"fifo_{label}", label, counted(f"f{label}"), None))
        cycles = 100 * (position + 1)
        layers.append(LayerRecord(label, label, counted(label), cycles, cycles_measured=True))
    layers.append(LayerRecord("packer", "wire", counted(f"out{positions.stop}"), None))
    layers.append(LayerRecord("transfer_end", "wire", counted("end"), None))
    return SweepRecord(
        network=network.name,
        network_sha256=network.sha256,
        part=name,
        split=cut,
        pool=None if cut is None else "before",
        source=Source.YOSYS,
        device=DEVICE,
        clock_mhz=100.0,
        folding=FOLDING.name,
        bytes_per_image=None if cut is None else 8,
        utilization=total([layer.utilization for layer in layers]),
        cycles=100 * positions.stop + 4,
        layers=tuple(layers),
        cycles_measured=True,
        latency_cycles=1000,
    )


WHOLE = swept_part(PartName.WHOLE)
PARTS = [swept_part(name, cut) for cut in (0, 1) for name in (PartName.FIRST, PartName.SECOND)]


def write(folder: Path, records: Iterable[SweepRecord]) -> Path:
    write_sweep_file(folder, sweep_file_text(list(records)))
    return folder


def test_every_part_is_the_sum_that_was_swept(tmp_path: Path) -> None:
    chain = swept_chain(write(tmp_path, [WHOLE, *PARTS]), NETWORK, "yosys", FOLDING)
    assert [block.layers for block in chain.blocks] == [("conv0", "pool0"), ("conv1",), ("dense2",)]
    assert chain.source == "yosys"
    assert chain.cuts == (1, 2)
    for record in (WHOLE, *PARTS):
        first, last = 0, 3
        if record.split is not None:
            at = record.split + 1
            first, last = (0, at) if record.part is PartName.FIRST else (at, 3)
        figures = DesignPoints(chain, first, last).figures(np.zeros((1, last - first), dtype=int))
        assert record.utilization is not None
        assert figures.use[0].tolist() == [
            getattr(record.utilization, name) for name in PLAN_RESOURCES
        ]
    assert [block.options[0].cycles for block in chain.blocks] == [200, 300, 400]
    back = planned_folding(chain, [PlannedPart(0, 3, (0, 0, 0), (0,))])
    assert back.layers == FOLDING.layers


def test_a_cut_that_was_not_swept_or_failed_is_not_legal_and_says_why(tmp_path: Path) -> None:
    failed = replace(
        PARTS[3],
        utilization=None,
        cycles=None,
        layers=(),
        cycles_measured=False,
        latency_cycles=None,
        error="no room",
    )
    chain = swept_chain(write(tmp_path, [WHOLE, PARTS[2], failed]), NETWORK, "yosys", FOLDING)
    assert chain.cuts == ()
    assert [boundary.why_not for boundary in chain.boundaries] == [
        "split 0: not swept (yosys)",
        "split 1: failed: no room (yosys)",
    ]


def test_what_was_not_swept_is_told_with_what_was(tmp_path: Path) -> None:
    placed = replace(WHOLE, source=Source.VIVADO_PLACED, layers=())
    sweep = write(tmp_path, [WHOLE, placed, *PARTS])
    with pytest.raises(
        InputError, match=r"vivado-placed does not say what each layer.*\(.*yosys\)"
    ):
        swept_chain(sweep, NETWORK, "vivado-placed", FOLDING)
    with pytest.raises(InputError, match=r"vivado-synth counted nothing \(choose from yosys\)"):
        swept_chain(sweep, NETWORK, "vivado-synth", FOLDING)
    with pytest.raises(InputError, match=r"finn-estimate are not the same in every part.*yosys"):
        swept_chain(sweep, NETWORK, "finn-estimate", FOLDING)
    other = Folding("other", FOLDING.layers)
    with pytest.raises(InputError, match=r"nothing with folding 'other' \(choose from published\)"):
        swept_chain(sweep, NETWORK, "yosys", other)
    with pytest.raises(InputError, match=r"stranger was not swept \(choose from small\)"):
        swept_chain(sweep, small_network(1, "stranger"), "yosys", FOLDING)
    with pytest.raises(InputError, match="nothing was swept here"):
        swept_chain(tmp_path / "nowhere", NETWORK, "yosys", FOLDING)


def test_parts_that_are_not_the_sum_of_their_layers_are_refused(tmp_path: Path) -> None:
    layers = list(PARTS[0].layers)
    used = layers[2].utilization
    assert used.lut is not None
    layers[2] = replace(layers[2], utilization=replace(used, lut=used.lut + 1))
    other = replace(
        PARTS[0],
        layers=tuple(layers),
        utilization=total([layer.utilization for layer in layers]),
    )
    sweep = write(tmp_path, [WHOLE, other, *PARTS[1:]])
    with pytest.raises(InputError, match="the first part of split 0 is not the sum"):
        swept_chain(sweep, NETWORK, "yosys", FOLDING)


def test_a_band_is_what_all_parts_together_were_off_by(tmp_path: Path) -> None:
    def off(record: SweepRecord, lut: float, cycles: int) -> SweepRecord:
        assert record.utilization is not None
        assert record.cycles is not None
        assert record.utilization.lut is not None
        return replace(
            record,
            source=Source.FINN_ESTIMATE,
            utilization=replace(
                record.utilization, lut=record.utilization.lut + lut, ff=None, lutram=None
            ),
            cycles=record.cycles + cycles,
            cycles_measured=False,
            latency_cycles=None,
        )

    better = [WHOLE, *PARTS]
    estimates = [off(WHOLE, 50, 8), off(PARTS[0], -30, -2)]
    sweep = write(tmp_path, [*better, *estimates])
    bands = error_bands(sweep)
    luts = [one.utilization.lut or 0.0 for one in (WHOLE, PARTS[0]) if one.utilization]
    estimate = bands["finn-estimate"]
    assert estimate.parts == 2
    assert estimate.band.counts[PLAN_RESOURCES.index("lut")] == pytest.approx(80 / sum(luts))
    assert estimate.band.counts[PLAN_RESOURCES.index("bram")] == 0.0
    assert estimate.band.counts[PLAN_RESOURCES.index("ff")] is None
    assert estimate.band.cycles == pytest.approx(10 / (404 + 204))
    assert set(estimate.against.values()) == {Source.YOSYS}
    # Nobody better counted what Yosys did; of cycles the slowest layers are 4 short of each part.
    yosys = bands["yosys"]
    assert yosys.band.counts == (None,) * len(PLAN_RESOURCES)
    assert yosys.band.cycles == pytest.approx(20 / sum(one.cycles or 0 for one in better))
    assert error_bands(sweep, "another network") == {}
    assert error_bands(tmp_path / "nowhere") == {}


def test_latency_is_off_by_what_the_planner_reckons_from_the_layers_cycles(tmp_path: Path) -> None:
    records = [WHOLE, *PARTS]
    sweep = write(tmp_path, records)
    chain = swept_chain(sweep, NETWORK, "yosys", FOLDING)
    options = [block.options[0] for block in chain.blocks]
    off = 0
    for record in records:
        first, last = 0, 3
        if record.split is not None:
            at = record.split + 1
            first, last = (0, at) if record.part is PartName.FIRST else (at, 3)
        off += abs(part_cycles(options[first:last]) - 1000)
    band = error_bands(sweep, NETWORK.sha256, chain)["yosys"]
    assert band.band.latency == pytest.approx(off / (1000 * len(records)))
    assert band.against["latency"] is Source.YOSYS
    assert error_bands(sweep, NETWORK.sha256)["yosys"].band.latency is None


def test_the_next_better_source_that_says_anything_measures(tmp_path: Path) -> None:
    """FINN and Vivado both say DSP, and Yosys here does not."""
    silent = replace(WHOLE, utilization=replace(counted("y"), dsp=None))
    estimate = replace(
        WHOLE, source=Source.FINN_ESTIMATE, utilization=replace(counted("e"), dsp=3.0)
    )
    placed = replace(
        WHOLE,
        source=Source.VIVADO_PLACED,
        utilization=replace(counted("p"), dsp=4.0),
        cycles_measured=False,
    )
    bands = measured_bands([estimate, silent, placed])
    assert bands["finn-estimate"].against["dsp"] is Source.VIVADO_PLACED
    assert bands["finn-estimate"].band.counts[PLAN_RESOURCES.index("dsp")] == 0.25
    assert bands["finn-estimate"].against["lut"] is Source.YOSYS
    assert bands["yosys"].against["lut"] is Source.VIVADO_PLACED
    assert bands["vivado-placed"].band.counts == (None,) * len(PLAN_RESOURCES)
    # Some where the better source has none is off by no share of it.
    none = replace(placed, utilization=replace(counted("p"), dsp=0.0))
    assert measured_bands([estimate, none])["finn-estimate"].band.counts[4] is None
