"""Synthesis of one design with Yosys, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from finn_flows.synthesis import yosys_process
from finn_flows.synthesis.cell_counts import count_cells
from finn_flows.synthesis.design import Design, Synthesis
from finn_flows.synthesis.device_family import device_family
from finn_flows.synthesis.errors import (
    NetlistError,
    SourceError,
    SynthesisCrash,
    SynthesisError,
    SynthesisOutOfMemory,
    SynthesisTimeout,
)
from finn_flows.synthesis.logic_depth import logic_depth
from finn_flows.synthesis.netlist import Netlist, read_netlist
from finn_flows.synthesis.yosys_process import IF_ANY
from finn_flows.tool_process import Limits, Outcome, ToolRun, run_tool

NETLIST = "netlist.v"
LOG = "synthesis.log"
_NETLIST_JSON = "netlist.json"
_SCRIPT = "synthesis.ys"

#: Lines of the end of the log that an error quotes.
_LAST_LINES = 3


def yosys_version() -> str:
    """The version of the Yosys that is installed (of the package that brings it)."""
    return version("pyosys")


def recipe(design: Design) -> str:
    """The commands that Yosys runs, one a line: part of what decides the result.

    Flat: with the hierarchy kept, LUT counts depend on how modules are wrapped. No clock buffers
    and pads: a layer is a piece of a larger circuit. Names are relative to the working folder, and
    attributes with places in files are dropped, so that no path reaches the result.

    This is ``synth_xilinx`` in one go but for two files that it would read in vain, which take
    longer than a small layer does: cells of other families, and memories where there are none.
    (Where two mappings are equally good, another one may be chosen than without that.)
    """
    files = " ".join(name for name, _ in design.sources)
    family = device_family(design.device)
    top = design.top
    synth = f"synth_xilinx -family {family.yosys_name} -flatten -noclkbuf -noiopad -top {top} -run"
    return "\n".join(
        (
            f"read_slang --allow-use-before-declare --ignore-assertions --top {top} {files}",
            *(f"read_verilog -lib {file}" for file in family.libraries),
            f"hierarchy -check -top {top}",
            f"{synth} prepare:map_memory",
            f"{IF_ANY}{top}/t:$mem_v2 {synth} map_memory:map_ffram",
            f"{synth} map_ffram:",
            f"delete {top}/t:$scopeinfo",
            f"select {top}",
            "stat -tech xilinx",
            "setattr -unset src",
            f"write_verilog -selected -noattr {NETLIST}",
            f"write_json -selected {_NETLIST_JSON}",
            "",
        )
    )


def synthesise(design: Design, limits: Limits, directory: Path) -> Synthesis:
    """Synthesise ``design``, leaving netlist and log in the existing folder ``directory``.

    The same design gives the same netlist in any folder. Raises SynthesisError (see errors.py for
    its kinds) naming the module and the log, BuildError for a device of an unknown family, and
    OSError where the disk fails; nothing that was started is left running in any case.
    """
    commands = recipe(design)
    work = directory / "work"
    work.mkdir()
    try:
        for name, text in (*design.sources, *design.memory_files, (_SCRIPT, commands)):
            (work / name).write_text(text)
        run = _run_yosys(work, directory / LOG, limits)
        netlist = _netlist(design, limits, run, work, directory / LOG)
        (work / NETLIST).replace(directory / NETLIST)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    cells = netlist.cell_counts()
    try:
        utilization = count_cells(cells, design.device, yosys_version())
        depth = logic_depth(netlist)
    except NetlistError as error:
        raise NetlistError(f"{design.top}: {error.message}", choices=error.choices) from error
    return Synthesis(
        cells,
        utilization,
        depth,
        run.seconds,
        run.peak_memory_bytes,
        directory / NETLIST,
        directory / LOG,
    )


def _run_yosys(work: Path, log: Path, limits: Limits) -> ToolRun:
    # Temporary files of Yosys in the working folder: they are removed with it, and its name, which
    # may hold a blank, stays out of the commands that Yosys gives itself. One thread: the
    # caller decides how many designs stand side by side.
    return run_tool(
        [sys.executable, "-P", yosys_process.__file__, _SCRIPT],
        directory=work,
        limits=limits,
        log=log,
        environment={"TMPDIR": ".", "YOSYS_MAX_THREADS": "1"},
    )


def _netlist(design: Design, limits: Limits, run: ToolRun, work: Path, log: Path) -> Netlist:
    """The netlist that Yosys left, or the error that says why there is none."""
    what = f"synthesis of {design.top}"
    if run.outcome is Outcome.OUT_OF_TIME:
        raise SynthesisTimeout(
            f"{what} was ended after {run.seconds:.0f} s", expected=f"{limits.seconds:g} s"
        )
    if run.outcome is Outcome.OUT_OF_MEMORY:
        assert run.peak_memory_bytes is not None
        raise SynthesisOutOfMemory(
            f"{what} was ended at {run.peak_memory_bytes / 2**20:.0f} MiB of memory",
            expected=f"at most {limits.memory_bytes / 2**20:.0f} MiB",
        )
    if run.exit_code == 0:
        try:
            if not _ends_with_module(work / NETLIST):
                raise ValueError("no end of the module")
            return read_netlist(work / _NETLIST_JSON, design.top)
        except (ValueError, KeyError, FileNotFoundError) as error:
            # Yosys does not look whether what it writes arrives.
            _refuse_full_disk(work)
            raise SynthesisError(f"{what} left a damaged netlist", where=log) from error
    _refuse_full_disk(work)
    said = log.read_text(errors="replace").splitlines()
    if run.outcome is Outcome.KILLED:
        name = signal.Signals(-run.exit_code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        raise SynthesisCrash(f"{what} was killed by {name}{hint}: {_end_of(said)}", where=log)
    if any("std::bad_alloc" in line for line in said):
        raise SynthesisOutOfMemory(f"{what} found no more memory: {_end_of(said)}", where=log)
    first = next((line for line in said if "ERROR:" in line), f"exit code {run.exit_code}")
    kind = SourceError if _still_reading(said) else SynthesisError
    raise kind(f"{what} failed: {first}: {_end_of(said)}", where=log)


def _still_reading(said: list[str]) -> bool:
    return not any("Executing SYNTH_XILINX pass" in line for line in said)


def _end_of(said: list[str]) -> str:
    lines = [line.strip() for line in said if line.strip()]
    return " | ".join(lines[-_LAST_LINES:]) if lines else "it wrote nothing"


def _ends_with_module(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read().rstrip().endswith(b"endmodule")


def _refuse_full_disk(folder: Path) -> None:
    """OSError with ENOSPC (or EDQUOT) if there is no room for another MiB beside the results."""
    probe = folder / "probe"
    with probe.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2**20)
    probe.unlink()
