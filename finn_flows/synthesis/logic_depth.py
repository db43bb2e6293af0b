"""The longest way through the logic of a netlist between two clock edges, in LUT levels.

There is no open timing engine for these devices. The number of LUTs one behind another says most
of what can be said before placement: a rule of thumb is 1 ns per level, net included, on the
slowest speed grade of the 7 series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from finn_flows.synthesis.cell_arcs import Arc, Node, arcs, is_flip_flop, levels_at_output
from finn_flows.synthesis.errors import NetlistError
from finn_flows.synthesis.netlist import Bit, Cell, Netlist


@dataclass(frozen=True)
class LogicDepth:
    """The longest path: of those with the most LUTs, one with the most DSPs, then carry cells.

    ``luts``: LUT levels; reading a LUT memory or shift register is one, MUXF7-9 and carry cells
    are none. ``dsps`` and ``carries``: DSP slices without an output register, and CARRY4 (CARRY8)
    cells, on that path. ``start`` and ``end`` name a port, register or memory of the sources, None
    for a netlist without any path; ``through`` the nets between them that the sources name.
    """

    luts: int
    carries: int
    dsps: int
    start: str | None
    end: str | None
    through: tuple[str, ...]


#: (LUT levels, DSPs, carry cells), compared in this order.
_Length = tuple[int, int, int]


def logic_depth(netlist: Netlist) -> LogicDepth:
    """The longest path from a port, register or memory to another, in time linear in the netlist.

    Paths go from and to the clock edge (a false path counts). A net that nothing drives starts one.
    Raises NetlistError for a loop without a register, naming a net of it, and for a kind of cell
    that is not known.
    """
    incoming = _incoming_arcs(netlist)
    lengths: dict[Node, _Length] = {
        bit: (levels_at_output(cell), 0, 0)
        for cell in netlist.cells
        for bits in cell.outputs.values()
        for bit in bits
    }
    longest: dict[Node, Arc] = {}
    for node in _in_order(incoming, netlist):
        for arc in incoming.get(node, ()):
            if isinstance(arc.start, tuple) and arc.start not in longest:
                continue  # a carry that is constant
            before = lengths.get(arc.start, (0, 0, 0))
            length = (before[0] + arc.luts, before[1] + arc.dsps, before[2] + arc.carries)
            if node not in longest or length > lengths[node]:
                longest[node], lengths[node] = arc, length
    ends = list(_ends(netlist))
    if not ends:
        return LogicDepth(0, 0, 0, None, None, ())
    last, end = max(ends, key=lambda candidate: lengths.get(candidate[0], (0, 0, 0)))
    luts, dsps, carries = lengths.get(last, (0, 0, 0))
    path: list[Node] = [last]
    while path[-1] in longest:
        path.append(longest[path[-1]].start)
    path.reverse()
    names = netlist.net_names
    through = [
        names[node]
        for node in path[1:]
        if not isinstance(node, tuple) and node in netlist.source_nets
    ]
    return LogicDepth(luts, carries, dsps, _start(path[0], netlist), end, tuple(through))


def _incoming_arcs(netlist: Netlist) -> dict[Node, list[Arc]]:
    """The arcs that end at each node. Constants start no path."""
    incoming: dict[Node, list[Arc]] = {}
    for cell in netlist.cells:
        try:
            for arc in arcs(cell):
                if not isinstance(arc.start, str):
                    incoming.setdefault(arc.end, []).append(arc)
        except KeyError as error:
            raise NetlistError(
                f"it is not known how a signal passes through a cell {cell.kind!r}"
            ) from error
    return incoming


def _in_order(incoming: dict[Node, list[Arc]], netlist: Netlist) -> Iterator[Node]:
    """Every node that an arc ends at, none before those its arcs start at."""
    sorter = TopologicalSorter(
        {node: [arc.start for arc in ending] for node, ending in incoming.items()}
    )
    try:
        yield from sorter.static_order()
    except CycleError as error:
        loop = [node for node in error.args[1] if not isinstance(node, tuple)]
        loop.sort(key=lambda node: (node not in netlist.source_nets, netlist.net_names[node]))
        raise NetlistError(
            f"a loop of logic without a register, through net {netlist.net_names[loop[0]]!r}"
        ) from error


def _ends(netlist: Netlist) -> Iterator[tuple[Bit, str]]:
    """Where paths end: (net, name) of output ports, and of inputs that wait for a clock edge."""
    for name, bits in netlist.outputs.items():
        for index, bit in enumerate(bits):
            if not isinstance(bit, str):
                yield bit, f"output {_indexed(name, index, bits)}"
    for cell in netlist.cells:
        passing = {arc.start for arc in arcs(cell)}
        for port, bits in cell.inputs.items():
            for index, bit in enumerate(bits):
                if not isinstance(bit, str) and bit not in passing:
                    yield bit, f"{_name(cell, netlist)} {_indexed(port, index, bits)}"


def _start(node: Node, netlist: Netlist) -> str:
    for name, bits in netlist.inputs.items():
        if node in bits:
            return f"input {_indexed(name, bits.index(node), bits)}"
    for cell in netlist.cells:
        for port, bits in cell.outputs.items():
            if node in bits:
                index = bits.index(node)
                return f"{_name(cell, netlist)} {_indexed(port, index, bits)}"
    return f"undriven {netlist.net_names[node]}"  # type: ignore[index]


def _name(cell: Cell, netlist: Netlist) -> str:
    """A register by the net it drives (Yosys makes up names of cells), a memory by its own."""
    if is_flip_flop(cell):
        return f"register {netlist.net_names[cell.outputs['Q'][0]]}"
    if not cell.name.startswith("$"):
        return f"{cell.kind} {cell.name}"
    driven = next((bit for bits in cell.outputs.values() for bit in bits), None)
    return f"{cell.kind} {cell.name if driven is None else netlist.net_names[driven]}"


def _indexed(name: str, index: int, bits: list[Bit]) -> str:
    return name if len(bits) == 1 else f"{name}[{index}]"
