"""A block design: cells, their pins and interfaces, what is connected with what, addresses."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ip import AXIMM, AXIS, Block, Bus, Port, total_size

#: Told of what is wrong: prints an ERROR and raises.
Fail = Callable[[str], object]


@dataclass
class Cell:
    """``block`` None: a hierarchy, which has pins of its own and cells inside."""

    path: str
    block: Block | None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class End:
    """A pin or interface of a cell, or (``external``) of the design. ``path`` begins with a /."""

    path: str
    what: Port | Bus
    external: bool = False
    boundary: bool = False
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def cell(self) -> str:
        return "" if self.external else self.path.rpartition("/")[0]


class BlockDesign:
    """Names are paths with a leading /. ``fail`` gets what is wrong, as the tool words it."""

    def __init__(self, name: str, fail: Fail) -> None:
        self.name = name
        self.fail = fail
        self.cells: dict[str, Cell] = {}
        self.pins: dict[str, End] = {}
        self.buses: dict[str, End] = {}
        self.ports: dict[str, End] = {}
        self.bus_ports: dict[str, End] = {}
        self.nets: list[list[End]] = []
        self.bus_nets: list[tuple[End, End]] = []
        #: Segment of addresses -> offset and range, None until given.
        self.segments: dict[str, dict[str, str]] = {}
        self.external_bits: dict[str, int] = {}

    # Cells

    def add_cell(self, path: str, block: Block | None) -> str:
        path = _full(path)
        if path in self.cells:
            self.fail(f"[BD 5-85] Cell '{path}' already exists")
        parent = path.rpartition("/")[0]
        if parent and parent not in self.cells:
            self.fail(f"[BD 5-216] Parent '{parent}' of cell '{path}' does not exist")
        self.cells[path] = Cell(path, block)
        if block is not None:
            self._add_ends(path, block)
        return path

    def reconfigure(self, cell: Cell, block: Block) -> None:
        """Its settings have given it other ports; what stays connected keeps its connection."""
        cell.block = block
        wanted = {f"{cell.path}/{port.name}" for port in block.ports}
        wanted |= {f"{cell.path}/{bus.name}" for bus in block.buses}
        for ends in (self.pins, self.buses):
            for path in [path for path, end in ends.items() if end.cell == cell.path]:
                if path not in wanted:
                    self._forget(ends.pop(path))
        self._add_ends(cell.path, block)

    def _add_ends(self, path: str, block: Block) -> None:
        for port in block.ports:
            name = f"{path}/{port.name}"
            self.pins.setdefault(name, End(name, port)).what = port
        for bus in block.buses:
            name = f"{path}/{bus.name}"
            self.buses.setdefault(name, End(name, bus)).what = bus

    def remove_cell(self, path: str) -> None:
        for ends in (self.pins, self.buses):
            for name in [name for name, end in ends.items() if end.cell == path]:
                self._forget(ends.pop(name))
        del self.cells[path]

    def _forget(self, end: End) -> None:
        for net in self.nets:
            if end in net:
                net.remove(end)
        self.bus_nets = [net for net in self.bus_nets if end not in net]

    def add_boundary(self, path: str, what: Port | Bus) -> str:
        """A pin or interface of a hierarchy."""
        path = _full(path)
        if path.rpartition("/")[0] not in self.cells:
            self.fail(f"[BD 5-216] Parent of '{path}' does not exist")
        ends = self.pins if isinstance(what, Port) else self.buses
        ends[path] = End(path, what, boundary=True)
        return path

    # Connections

    def connect(self, ends: list[End]) -> None:
        if len(ends) < 2:
            self.fail("[BD 5-4] Error: running connect_bd_net: at least two pins or ports")
        joined: list[End] = []
        for net in [net for net in self.nets if any(end in net for end in ends)]:
            joined += net
            self.nets.remove(net)
        joined += [end for end in ends if end not in joined]
        # A pin of a hierarchy drives what is inside, and is driven from outside.
        sources = {end.path for end in joined if _drives(end)}
        if len(sources) > 1:
            names = ", ".join(sorted(sources))
            self.fail(f"[BD 41-1306] The net has more than one driver: {names}")
        self.nets.append(joined)

    def connect_buses(self, first: End, second: End) -> None:
        one, other = first.what, second.what
        assert isinstance(one, Bus)
        assert isinstance(other, Bus)
        if one.kind != other.kind:
            self.fail(f"[BD 41-1377] {first.path} is {one.kind}, {second.path} is {other.kind}")
        inward = _is_inside(first, second) or _is_inside(second, first)
        same_side = first.external or second.external or inward
        if (one.mode == other.mode) != same_side:
            self.fail(
                f"[BD 5-106] Arguments to the connect_bd_intf_net command cannot be connected: "
                f"{first.path} ({one.mode}) and {second.path} ({other.mode})"
            )
        for end in (first, second):
            most = 2 if end.boundary else 1
            if sum(end in net for net in self.bus_nets) >= most:
                self.fail(f"[BD 41-1629] {end.path} is connected already")
        self.bus_nets.append((first, second))

    def make_external(self, end: End) -> str:
        name = f"{end.path.rpartition('/')[2]}_0"
        taken = self.ports if isinstance(end.what, Port) else self.bus_ports
        number = 0
        while f"/{name}" in taken:
            number += 1
            name = f"{end.path.rpartition('/')[2]}_{number}"
        port = End(f"/{name}", end.what, external=True)
        taken[port.path] = port
        if isinstance(end.what, Port):
            self.connect([port, end])
        else:
            self.connect_buses(port, end)
        return port.path

    def rename(self, old: str, new: str) -> None:
        for ends in (self.ports, self.bus_ports):
            if old in ends:
                end = ends.pop(old)
                end.path = _full(new)
                ends[end.path] = end
                return
        self.fail(f"[Common 17-55] '{old}' cannot be renamed")

    def other_end(self, end: End, *, lower: bool = False) -> End | None:
        """What an interface is connected to; of a hierarchy's, inside with ``lower``."""
        for net in self.bus_nets:
            if end in net:
                other = net[1] if net[0] is end else net[0]
                if not end.boundary or _is_inside(other, end) == lower:
                    return other
        return None

    # Search

    def find(self, ends: dict[str, End], patterns: Iterable[str]) -> list[str]:
        found = []
        for pattern in patterns:
            full = _full(pattern)
            found += [path for path in ends if fnmatch.fnmatchcase(path, full)]
        return list(dict.fromkeys(found))

    # Addresses

    def slave_segments(self) -> dict[str, End]:
        """Segment of registers -> the interface that leads to it."""
        found = {}
        for path, end in self.buses.items():
            bus, block = end.what, self.cells[end.cell].block
            assert isinstance(bus, Bus)
            if block is None or _passes_on(block) or (bus.kind, bus.mode) != (AXIMM, "Slave"):
                continue
            packaged = block.vlnv.startswith("xilinx_finn")
            found[f"{path}/{'Reg0' if packaged else 'Reg'}"] = end
        return found

    def assign_everything(self) -> None:
        """An address for each slave that has none, and a segment for each external master."""
        for segment, end in self.slave_segments().items():
            if segment not in self.segments and self.other_end(end) is not None:
                self.segments[segment] = {"offset": "auto", "range": "64K"}
        for path, end in self.buses.items():
            bus = end.what
            assert isinstance(bus, Bus)
            other = self.other_end(end)
            if (bus.kind, bus.mode) == (AXIMM, "Master") and other is not None and other.external:
                cell, _, name = path.rpartition("/")
                segment = f"{cell}/Data_{name}/SEG_{other.path[1:]}_Reg"
                self.segments.setdefault(segment, {"offset": "auto", "range": "4G"})

    # Checks

    def validate(self) -> None:
        for path, end in self.pins.items():
            port = end.what
            assert isinstance(port, Port)
            leaf = self.cells[end.cell].block is not None
            if leaf and port.role == "clk" and port.direction == "I" and self._clock(end) is None:
                self.fail(
                    "[BD 41-758] The following clock pins are not connected to a valid clock "
                    f"source: \n{path}"
                )
        for first, second in self.bus_nets:
            one, other = first.what, second.what
            assert isinstance(one, Bus)
            assert isinstance(other, Bus)
            if (
                one.kind == AXIS
                and None not in (one.width, other.width)
                and one.width != other.width
            ):
                self.fail(
                    "[BD 41-237] Bus Interface property TDATA_NUM_BYTES does not match between "
                    f"{second.path}({(other.width or 0) // 8}) and "
                    f"{first.path}({(one.width or 0) // 8})"
                )

    def _clock(self, end: End) -> str | None:
        for net in self.nets:
            if end in net:
                for other in net:
                    if _drives(other):
                        return other.path
                above = [other for other in net if other.boundary and other is not end]
                return next((path for pin in above if (path := self._above(pin))), None)
        return None

    def _above(self, pin: End) -> str | None:
        for net in self.nets:
            if pin in net:
                for other in net:
                    if _drives(other):
                        return other.path
        return None

    # What is known of it as a whole

    def size(self) -> dict[str, int]:
        return total_size([cell.block.size for cell in self.cells.values() if cell.block])

    def as_block(self, vlnv: str) -> Block:
        """The design as a block of its own, with its external ports."""
        return Block(
            vlnv,
            [_renamed_bus(end) for end in self.bus_ports.values()],
            [_renamed_port(end) for end in self.ports.values()],
            self.size(),
        )

    def facts(self) -> dict[str, object]:
        """For the record of the test."""
        return {
            "name": self.name,
            "cells": {
                path: {"vlnv": cell.block.vlnv if cell.block else None, "settings": cell.settings}
                for path, cell in self.cells.items()
            },
            "ports": sorted(self.ports),
            "bus_ports": {path: end.what.__dict__ for path, end in self.bus_ports.items()},
            "connections": [sorted((a.path, b.path)) for a, b in self.bus_nets],
            "nets": [sorted(end.path for end in net) for net in self.nets],
            "segments": self.segments,
        }


def _full(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _drives(end: End) -> bool:
    assert isinstance(end.what, Port)
    if end.boundary:
        return False
    return end.what.direction == ("I" if end.external else "O")


def _is_inside(inner: End, outer: End) -> bool:
    """Whether ``inner`` is a pin of a cell within the hierarchy that ``outer`` is a pin of."""
    return outer.boundary and not inner.external and inner.cell.startswith(outer.cell + "/")


def _passes_on(block: Block) -> bool:
    name = block.name
    return name in ("axi_interconnect", "smartconnect", "processing_system7", "zynq_ultra_ps_e")


def _renamed_bus(end: End) -> Bus:
    bus = end.what
    assert isinstance(bus, Bus)
    return Bus(end.path[1:], bus.mode, bus.kind, bus.width, bus.protocol)


def _renamed_port(end: End) -> Port:
    port = end.what
    assert isinstance(port, Port)
    return Port(end.path[1:], port.direction, port.role)
