"""From the cells of a netlist to what they use of a device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from finn_flows.synthesis.device_family import CellUse, device_family
from finn_flows.synthesis.errors import NetlistError
from reports.utilization import Scope, Stage, Utilization


def count_cells(cells: Mapping[str, int], device: str, tool_version: str) -> Utilization:
    """The resources of ``cells`` (how many of each kind) on the device of a part name.

    Counted as Yosys left them: two small LUTs that a placer would put into one LUT6_2 are two.
    Raises NetlistError for a kind of cell that the device's family does not list, BuildError for a
    device of no known family.
    """
    family = device_family(device)
    used: Counter[CellUse] = Counter()
    for kind, count in cells.items():
        if kind not in family.cells:
            raise NetlistError(
                f"the netlist holds {count} cells {kind!r}, and it is not known what one takes",
                choices=sorted(family.cells),
            )
        use, each = family.cells[kind]
        used[use] += each * count  # type: ignore[assignment]  # BRAM comes in halves
    return Utilization(
        device=device,
        tool="yosys",
        tool_version=tool_version,
        stage=Stage.SYNTHESISED,
        scope=Scope.OUT_OF_CONTEXT,
        lut=used[CellUse.LUT_AS_LOGIC] + used[CellUse.LUT_AS_MEMORY],
        lut_as_logic=used[CellUse.LUT_AS_LOGIC],
        lutram=used[CellUse.LUT_AS_MEMORY],
        ff=used[CellUse.FF],
        bram=used[CellUse.BRAM],
        dsp=used[CellUse.DSP],
        uram=used[CellUse.URAM],
    )
