"""What the design assistant of the fake ``vivado`` connects by itself."""

from __future__ import annotations

import ip
from block_design import BlockDesign, End

_SMARTCONNECT = "xilinx.com:ip:smartconnect:1.0"
_PREFIX = "/axi_smc"


def connect_through_smartconnect(design: BlockDesign, master: End, slave: End) -> None:
    """Through that SmartConnect which one of both has already, or a new one; the clocks of all
    that is reached follow."""
    others = [other for end in (master, slave) if (other := design.other_end(end)) is not None]
    for other in others:
        if not other.cell.startswith(_PREFIX):
            design.fail(f"[BD 41-1629] {other.path} is connected already")
    if others:
        path = others[0].cell
    else:
        number = sum(path.startswith(_PREFIX) for path in design.cells)
        path = design.add_cell(f"{_PREFIX}_{number}", ip.vendor_block(_SMARTCONNECT, {}))
    for end, letter in ((master, "S"), (slave, "M")):
        if design.other_end(end) is None:
            _connect_to_free_port(design, end, path, letter)
    design.segments.setdefault(f"{slave.path}/Reg", {"offset": "auto", "range": "64K"})
    _connect_clocks(design)


def _connect_to_free_port(design: BlockDesign, end: End, path: str, letter: str) -> None:
    """A port S00_AXI, S01_AXI, … of the SmartConnect at ``path``; or M00_AXI, …"""
    number = 0
    while (port := design.buses.get(f"{path}/{letter}{number:02d}_AXI")) is not None:
        if design.other_end(port) is None:
            break
        number += 1
    else:
        cell = design.cells[path]
        cell.settings[f"CONFIG.NUM_{letter}I"] = str(number + 1)
        block = ip.vendor_block(_SMARTCONNECT, cell.settings)
        assert block is not None
        design.reconfigure(cell, block)
        port = design.buses[f"{path}/{letter}{number:02d}_AXI"]
    design.connect_buses(end, port)


def _connect_clocks(design: BlockDesign) -> None:
    sources = [path for path in design.pins if path.endswith(("/FCLK_CLK0", "/pl_clk0"))]
    for end in design.pins.values():
        port = end.what
        assert isinstance(port, ip.Port)
        taken = any(end in net for net in design.nets)
        if (port.role, port.direction) == ("clk", "I") and not taken:
            design.connect([design.pins[sources[0]], end])
