"""A kernel compiled by g++ with its testbench, kept in a cache by its content, and run."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from finn_flows.cache_directory import cache_directory
from finn_flows.simulation.verilator import SimulationError, compile_cpp, find_compiler
from finn_flows.tool_process import Limits, Outcome, run_tool
from hls_templates.headers import HeaderFolder
from hls_templates.kernel_files import GCC_FOLDER, KernelFiles

#: finn-hlslib uses std::binary_function, which C++17 no longer has. -O0 runs 25 times as long.
FLAGS = ("-std=c++14", "-O2", "-w")
PROGRAM = "testbench"
#: What hls::stream says of words that are left over, or are not there.
_STREAM_WARNING = "RTL simulation hanging"


@dataclass(frozen=True)
class KernelProgram:
    """``path``: the executable. ``compile_seconds``: None if it was there already."""

    path: Path
    compile_seconds: float | None


@dataclass(frozen=True)
class KernelRun:
    """``words``: uint64 (images, words per image), what the kernel wrote. ``seconds``: wall."""

    words: NDArray[np.uint64]
    seconds: float


def compile_kernel(
    files: KernelFiles,
    hlslib: HeaderFolder,
    ap_types: HeaderFolder,
    limits: Limits | None = None,
) -> KernelProgram:
    """The kernel and its testbench as one program.

    Raises SimulationError, with the compiler's first error, and where the cache cannot be written.
    """
    compiler = find_compiler()
    tools = [compiler.program, compiler.description, *FLAGS, hlslib.sha256, ap_types.sha256]
    key = hashlib.sha256(json.dumps([tools, files.sources], sort_keys=True).encode()).hexdigest()
    program = cache_directory("csim") / key[:2] / key / PROGRAM
    if program.is_file():
        return KernelProgram(program, None)
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(program.parent.with_name(f"{key}.lock")):
            if program.is_file():  # another process made it meanwhile
                return KernelProgram(program, None)
            started = time.perf_counter()
            with tempfile.TemporaryDirectory(dir=program.parent) as work:
                _write(files.sources, Path(work))
                includes = (".", GCC_FOLDER, str(ap_types.path), str(hlslib.path))
                units = [name for name in files.sources if name.endswith(".cpp")]
                compile_cpp(
                    compiler,
                    [*FLAGS, *(f"-I{folder}" for folder in includes), *units, "-o", PROGRAM],
                    what=f"the C++ compiler, on {files.design.name}",
                    directory=Path(work),
                    limits=limits or Limits(),
                )
                (Path(work) / PROGRAM).replace(program)
            return KernelProgram(program, time.perf_counter() - started)
    except OSError as error:
        raise SimulationError(
            f"the cache cannot be written: {error.strerror or error}", where=program.parent
        ) from error


def run_kernel(
    program: KernelProgram,
    files: KernelFiles,
    words: NDArray[np.uint64],
    limits: Limits | None = None,
) -> KernelRun:
    """Load the memories as a host does, and run ``words`` (images, words per image) through.

    Raises SimulationError where the testbench says what is wrong, where a stream ends up with words
    left over or is read while empty (the circuit would stand still), and at a limit.
    """
    design = files.design
    if not len(words):
        return KernelRun(np.zeros((0, design.output.words), "<u8"), 0.0)
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="dse-csim-") as work:
        folder = Path(work)
        _write(files.memories, folder)
        source, result = folder / "input.bin", folder / "output.bin"
        source.write_bytes(words.astype("<u8", copy=False).tobytes())
        try:
            run = run_tool(
                [str(program.path), str(folder), str(source), str(result)],
                directory=folder,
                limits=limits,
            )
        except OSError as error:
            shutil.rmtree(program.path.parent, ignore_errors=True)  # the next run makes it anew
            raise SimulationError(
                f"the program of {design.name} cannot be started: {error.strerror or error}",
                where=program.path,
            ) from error
        said = (run.output or "").splitlines()
        if run.outcome is not Outcome.ENDED:
            raise SimulationError(f"kernel {design.name}: {run.outcome.value}")
        for line in said:
            if _STREAM_WARNING in line:
                raise SimulationError(f"kernel {design.name}: {line}")
        if run.exit_code != 0:
            reason = next((line for line in said if line.startswith("ERROR")), "it does not say")
            raise SimulationError(
                f"the testbench of {design.name} ended with exit code {run.exit_code}: {reason}"
            )
        found = np.fromfile(result, dtype="<u8")
    if found.size != len(words) * design.output.words:
        raise SimulationError(
            f"kernel {design.name} gave {found.size} words for {len(words)} images",
            expected=f"{len(words) * design.output.words}",
        )
    return KernelRun(found.reshape(len(words), -1), run.seconds)


def _write(contents: Mapping[str, str | bytes], folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
