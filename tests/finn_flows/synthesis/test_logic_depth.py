"""The longest path through a netlist."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from finn_flows.synthesis.errors import NetlistError
from finn_flows.synthesis.logic_depth import logic_depth
from finn_flows.synthesis.netlist import Bit, Cell, Netlist


def cell(kind: str, inputs: dict[str, list[Bit]], outputs: dict[str, list[Bit]]) -> Cell:
    driven = next(bit for bits in outputs.values() for bit in bits)
    return Cell(f"cell{driven}", kind, inputs, outputs, {})


def lut(output: int, *inputs: Bit) -> Cell:
    named = {f"I{index}": [bit] for index, bit in enumerate(inputs)}
    return cell(f"LUT{len(inputs)}", named, {"O": [output]})


def register(output: int, data: Bit) -> Cell:
    return cell("FDRE", {"C": ["0"], "CE": ["1"], "D": [data], "R": ["0"]}, {"Q": [output]})


def netlist(
    cells: list[Cell],
    inputs: dict[str, list[Bit]] | None = None,
    outputs: dict[str, list[Bit]] | None = None,
    names: dict[str, list[Bit]] | None = None,
) -> Netlist:
    inputs, outputs = inputs or {}, outputs or {}
    bits = {bit for each in cells for bits in each.outputs.values() for bit in bits}
    made_up = [(f"_{bit}_", True, [bit]) for bit in sorted(bits, key=str)]
    given_names = {**inputs, **outputs, **(names or {})}
    found = [(name, False, bits) for name, bits in given_names.items()]
    return Netlist(inputs, outputs, tuple(cells), (*made_up, *found))


def test_from_register_to_register() -> None:
    cells = [register(10, 1), lut(11, 10), lut(12, 11, 1), register(13, 12), lut(14, 13)]
    depth = logic_depth(netlist(cells, {"in": [1]}, {"out": [14]}, {"held": [10], "sum": [12]}))
    assert (depth.luts, depth.carries, depth.dsps) == (2, 0, 0)
    assert depth.start == "register held Q"
    assert depth.end == "register _13_ D"
    assert depth.through == ("sum",)


def test_from_port_to_port() -> None:
    depth = logic_depth(netlist([lut(3, 1, 2)], {"in": [1, 2]}, {"out": [0, 3]}))
    assert (depth.luts, depth.start, depth.end) == (1, "input in[0]", "output out[1]")


def test_a_wire_has_no_depth_and_nothing_has_no_path() -> None:
    depth = logic_depth(netlist([], {"in": [1]}, {"out": [1]}))
    assert (depth.luts, depth.start, depth.end) == (0, "input in", "output out")
    assert logic_depth(netlist([])).start is None
    assert logic_depth(netlist([], {}, {"out": ["0"]})).end is None


def test_wide_multiplexers_and_carry_chains_are_no_levels_and_carries_are_counted() -> None:
    cells = [
        lut(11, 1),
        lut(12, 2),
        cell("MUXF7", {"I0": [11], "I1": [12], "S": [3]}, {"O": [13]}),
        cell(
            "CARRY4",
            {"CI": ["0"], "CYINIT": ["0"], "DI": ["0"] * 4, "S": [13, "0", "0", "0"]},
            {"O": [14, 15, 16, 17], "CO": [18, 19, 20, 21]},
        ),
        cell(
            "CARRY4",
            {"CI": [21], "CYINIT": ["0"], "DI": ["0"] * 4, "S": ["0"] * 4},
            {"O": [22, 23, 24, 25], "CO": [26, 27, 28, 29]},
        ),
        register(30, 25),
    ]
    depth = logic_depth(netlist(cells, {"in": [1, 2, 3]}))
    assert (depth.luts, depth.carries) == (1, 2)
    assert depth.end == "register _30_ D"


def test_a_sum_bit_may_select_a_higher_bit_of_the_same_carry_cell() -> None:
    """It looks like a loop only where a cell is taken as a whole."""
    carry = cell(
        "CARRY4",
        {"CI": ["0"], "CYINIT": ["0"], "DI": [2, 3, 4, 5], "S": [1, "0", 31, "0"]},
        {"O": [20, 21, 22, 23], "CO": [24, 25, 26, 27]},
    )
    depth = logic_depth(netlist([carry, lut(31, 20)], {"in": [1, 2, 3, 4, 5]}, {"out": [23]}))
    assert (depth.luts, depth.carries) == (1, 2)
    downwards = cell(
        "CARRY4",
        {"CI": ["0"], "CYINIT": ["0"], "DI": [2, 3, 4, 5], "S": [31, "0", "0", "0"]},
        {"O": [20, 21, 22, 23], "CO": [24, 25, 26, 27]},
    )
    with pytest.raises(NetlistError, match="loop"):
        logic_depth(netlist([downwards, lut(31, 22)], {"in": [2, 3, 4, 5]}, {"out": [23]}))


def test_reading_a_lut_memory_is_a_level_and_writing_ends_a_path() -> None:
    memory = cell(
        "RAM32M",
        {
            "ADDRA": [1, "0", "0", "0", "0"],
            "ADDRD": [11, "0", "0", "0", "0"],
            "DIA": [11, "0"],
            "WE": [12],
            "WCLK": [9],
        },
        {"DOA": [20, 21]},
    )
    cells = [lut(11, 2), lut(12, 11), memory, lut(22, 20)]
    depth = logic_depth(netlist(cells, {"in": [1, 2]}, {"out": [22]}))
    # in[1] -> two LUTs -> WE, and in[0] -> address -> data -> LUT -> out
    assert depth.luts == 2
    written = logic_depth(netlist([*cells[:3]], {"in": [1, 2]}, {}))
    assert (written.luts, written.end) == (2, "RAM32M cell20 WE")
    read = logic_depth(netlist([memory, lut(22, 20), lut(23, 22)], {"in": [1]}, {"out": [23]}))
    assert (read.luts, read.start) == (3, "input in")


def test_what_a_shift_register_holds_leaves_by_its_lut() -> None:
    shift = cell(
        "SRL16E",
        {"A0": ["1"], "A1": ["1"], "A2": ["0"], "A3": ["0"], "CE": ["1"], "CLK": [9], "D": [1]},
        {"Q": [20]},
    )
    depth = logic_depth(netlist([shift, lut(21, 20)], {"in": [1]}, {"out": [21]}, {"old": [20]}))
    assert (depth.luts, depth.start) == (2, "SRL16E cell20 Q")


def test_block_memories_start_and_end_paths() -> None:
    memory = cell("RAMB36E1", {"ADDRARDADDR": [11], "CLKARDCLK": [9]}, {"DOADO": [20, 21]})
    before, after = [lut(12, 1), lut(11, 12)], [lut(30, 21), lut(31, 30), lut(32, 31)]
    depth = logic_depth(netlist([*before, memory], {"in": [1]}))
    assert (depth.luts, depth.end) == (2, "RAMB36E1 cell20 ADDRARDADDR")
    depth = logic_depth(netlist([*before, memory, *after], {"in": [1]}, {"out": [32]}))
    assert (depth.luts, depth.start) == (3, "RAMB36E1 cell20 DOADO[1]")


def dsp(**registers: str) -> Cell:
    ports: dict[str, list[Bit]] = {"A": [11], "B": ["0"], "C": [12]}
    return Cell("dsp", "DSP48E1", ports, {"P": [20]}, registers)


@pytest.mark.parametrize(
    ("registers", "dsps"),
    [
        ({}, 0),
        ({"PREG": "1", "AREG": "0", "MREG": "0", "CREG": "0"}, 0),
        ({"PREG": "0", "AREG": "1", "MREG": "0", "CREG": "1"}, 0),
        ({"PREG": "0", "AREG": "0", "MREG": "1", "CREG": "1"}, 0),
        ({"PREG": "0", "AREG": "0", "MREG": "0", "CREG": "1"}, 1),
        ({"PREG": "0", "AREG": "1", "MREG": "1", "CREG": "0"}, 1),
    ],
)
def test_a_dsp_is_passed_where_no_register_is_on(registers: dict[str, str], dsps: int) -> None:
    cells = [lut(11, 1), lut(12, 1), dsp(**registers), lut(30, 20)]
    depth = logic_depth(netlist(cells, {"in": [1]}, {"out": [30]}))
    assert (depth.dsps, depth.luts) == (dsps, 2 if dsps else 1)


def test_a_loop_is_an_error_that_names_a_net_of_the_sources() -> None:
    cells = [lut(11, 12, 1), lut(12, 13), lut(13, 11), register(14, 13)]
    with pytest.raises(NetlistError, match=r"loop of logic without a register.*'grant'"):
        logic_depth(netlist(cells, {"in": [1]}, {}, {"grant": [12]}))


def test_a_cell_of_an_unknown_kind_is_an_error_that_names_it() -> None:
    with pytest.raises(NetlistError, match="'GTXE2_CHANNEL'"):
        logic_depth(netlist([cell("GTXE2_CHANNEL", {}, {"O": [1]})]))


@st.composite
def random_cells(draw: st.DrawFn) -> list[Cell]:
    """LUTs and registers in an order in which every LUT reads what stands before it."""
    cells: list[Cell] = []
    for output in range(10, 10 + draw(st.integers(1, 40))):
        before = st.sampled_from(range(output)).filter(lambda bit: bit == 0 or bit >= 10)
        if draw(st.booleans()):
            cells.append(register(output, draw(before)))
        else:
            cells.append(lut(output, *draw(st.lists(before, min_size=1, max_size=6))))
    return cells


@given(random_cells(), st.randoms())
def test_against_a_walk_in_order(cells: list[Cell], random: object) -> None:
    levels = {0: 0}
    ends = []
    for each in cells:
        (output,) = next(iter(each.outputs.values()))
        before = [levels[bit] for bits in each.inputs.values() for bit in bits if bit in levels]
        if each.kind == "FDRE":
            ends += before
            levels[output] = 0
        else:
            levels[output] = 1 + max(before)
            ends.append(levels[output])  # every net is an output of the module below
    random.shuffle(cells)  # type: ignore[attr-defined]
    outputs: list[Bit] = [*range(10, 10 + len(cells))]
    depth = logic_depth(netlist(cells, {"in": [0]}, {"out": outputs}))
    assert depth.luts == max(ends)
