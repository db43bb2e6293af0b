"""A flat netlist as Yosys' ``write_json`` describes it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: A one-bit net has a number; a constant is "0", "1", "x" or "z".
Bit = int | str


@dataclass(frozen=True)
class Cell:
    """One cell: ``inputs`` and ``outputs`` are the nets of each port, least significant first.

    ``parameters`` are as Yosys writes them: numbers as strings of binary digits.
    """

    name: str
    kind: str
    inputs: dict[str, list[Bit]]
    outputs: dict[str, list[Bit]]
    parameters: dict[str, str]


@dataclass(frozen=True)
class Netlist:
    """The cells of one module and the names of its nets (several may name one net)."""

    inputs: dict[str, list[Bit]]
    outputs: dict[str, list[Bit]]
    cells: tuple[Cell, ...]
    #: (name, whether Yosys made it up, nets)
    names: tuple[tuple[str, bool, list[Bit]], ...]

    def cell_counts(self) -> dict[str, int]:
        """How many cells of each kind, sorted by kind."""
        return dict(sorted(Counter(cell.kind for cell in self.cells).items()))

    @cached_property
    def net_names(self) -> dict[Bit, str]:
        """One name of every net: the shortest of the sources', else one that Yosys made up."""
        found: dict[Bit, str] = {}
        for name, _, bits in sorted(self.names, key=lambda entry: (entry[1], len(entry[0]), entry)):
            for index, bit in enumerate(bits):
                found.setdefault(bit, name if len(bits) == 1 else f"{name}[{index}]")
        return found

    @cached_property
    def source_nets(self) -> frozenset[Bit]:
        """The nets that have a name in the sources."""
        return frozenset(bit for _, hidden, bits in self.names if not hidden for bit in bits)


def read_netlist(path: Path, top: str) -> Netlist:
    """Module ``top`` of a file of ``write_json``. ValueError or KeyError for a damaged file."""
    module = json.loads(path.read_bytes())["modules"][top]
    inputs, outputs = _by_direction(
        {name: port["direction"] for name, port in module["ports"].items()},
        {name: port["bits"] for name, port in module["ports"].items()},
    )
    cells = []
    for name, cell in module["cells"].items():
        ports = _by_direction(cell["port_directions"], cell["connections"])
        cells.append(Cell(name, cell["type"], *ports, cell["parameters"]))
    names = tuple(
        (name, bool(net["hide_name"]), net["bits"]) for name, net in module["netnames"].items()
    )
    return Netlist(inputs, outputs, tuple(cells), names)


def _by_direction(
    directions: dict[str, str], bits: dict[str, list[Bit]]
) -> tuple[dict[str, list[Bit]], dict[str, list[Bit]]]:
    inputs = {name: nets for name, nets in bits.items() if directions[name] == "input"}
    outputs = {name: nets for name, nets in bits.items() if directions[name] != "input"}
    return inputs, outputs
