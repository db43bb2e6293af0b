"""A made-up sweep of CnvW2A2: plausible in size, true in form, and not anybody's result."""

from __future__ import annotations

from reports.sweep_record import LayerRecord, PartName, SweepRecord
from reports.utilization import Scope, Source, Stage, Utilization, total

DEVICE = "xc7z020clg400-1"

#: Node, layer, LUT, BRAM, DSP, cycles.
NODES = (
    ("MVAU_hls_0", "conv0", 2310.0, 0.0, 0.0, 32400),
    ("MVAU_hls_1", "conv1", 7150.0, 4.5, 0.0, 28224),
    ("Pool_hls_0", "pool1", 0.0, 0.0, 0.0, 784),
    ("MVAU_hls_2", "conv2", 5020.0, 10.0, 0.0, 41472),
    ("MVAU_hls_3", "conv3", 4980.0, 16.5, 0.0, 115200),
    ("Pool_hls_1", "pool3", 0.0, 0.0, 0.0, 100),
    ("MVAU_hls_4", "conv4", 2120.0, 30.0, 0.0, 82944),
    ("MVAU_hls_5", "conv5", 910.0, 41.5, 0.0, 73728),
    ("MVAU_hls_6", "dense6", 420.0, 9.0, 0.0, 65536),
    ("MVAU_hls_7", "dense7", 380.0, 8.5, 0.0, 65536),
    ("MVAU_hls_8", "dense8", 250.0, 0.5, 0.0, 1280),
    ("LabelSelect_hls_0", "top", 0.0, 0.0, 0.0, 10),
)

#: (split, pool) -> bytes per image and how many of NODES are in the first part.
CUTS = {
    (0, "before"): (14400, 1),
    (1, "before"): (3136, 3),
    (1, "after"): (12544, 2),
    (2, "before"): (4608, 4),
    (3, "before"): (800, 6),
    (3, "after"): (3200, 5),
    (4, "before"): (576, 7),
    (5, "before"): (64, 8),
    (6, "before"): (128, 9),
    (7, "before"): (128, 10),
    (8, "before"): (40, 12),
}


def plausible_sweep(
    network: str = "CnvW2A2", device: str = DEVICE, source: Source = Source.FINN_ESTIMATE
) -> list[SweepRecord]:
    """First and second part of every cut, and the whole network, all built."""
    records = []
    for (split, pool), (size, length) in CUTS.items():
        for part, nodes in ((PartName.FIRST, NODES[:length]), (PartName.SECOND, NODES[length:])):
            records.append(_record(network, device, source, part, split, pool, size, nodes))
    records.append(_record(network, device, source, PartName.WHOLE, None, None, None, NODES))
    return records


def _record(
    network: str,
    device: str,
    source: Source,
    part: PartName,
    split: int | None,
    pool: str | None,
    size: int | None,
    nodes: tuple[tuple[str, str, float, float, float, int], ...],
) -> SweepRecord:
    tool, stage = ("FINN", Stage.ESTIMATE)
    if source is not Source.FINN_ESTIMATE:
        tool, stage = ("Yosys", Stage.SYNTHESISED)
    layers = tuple(
        LayerRecord(
            name,
            layer,
            Utilization(
                device,
                tool,
                "1.6.1",
                stage,
                Scope.OUT_OF_CONTEXT,
                lut=lut,
                lutram=lut / 8 if tool == "Yosys" else None,
                ff=lut / 2 if tool == "Yosys" else None,
                bram=bram,
                dsp=dsp,
            ),
            cycles,
            logic_depth=len(name) % 7 + 2 if tool == "Yosys" else None,
            carry_depth=len(name) % 3 if tool == "Yosys" else None,
        )
        for name, layer, lut, bram, dsp, cycles in nodes
    )
    measured = source is Source.YOSYS
    slowest = max(layers, key=lambda layer: layer.cycles or 0, default=None)
    return SweepRecord(
        network=network,
        network_sha256="5" * 64,
        part=part,
        split=split,
        pool=pool,
        source=source,
        device=device,
        clock_mhz=100.0,
        folding="published",
        bytes_per_image=size,
        utilization=total([layer.utilization for layer in layers]) if layers else None,
        # A measured part takes a little more than its slowest layer's folding says.
        cycles=(slowest.cycles or 0) + 7 * measured if slowest else None,
        cycles_measured=measured and slowest is not None,
        latency_cycles=3 * (slowest.cycles or 0) if measured and slowest else None,
        slowest=slowest.name if slowest else None,
        layers=layers,
        empty=not layers,
        published_design="CnvW2A2" if network == "CnvW2A2" else None,
        published_folding=network == "CnvW2A2",
    )
