"""A circuit as a program: compiled once, kept in a cache by its content, shared by all who ask.

The key is everything that decides the program: the sources, the harness, the flags, and the
versions of Verilator and of the compiler. Memory files are read when the program runs and are no
part of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from finn_flows.cache_directory import cache_directory
from finn_flows.simulation.verilator import (
    TRACE_FLAGS,
    VERILATOR_FLAGS,
    Compiler,
    SimulationError,
    Trace,
    Verilator,
    compile_cpp,
    find_compiler,
    find_verilator,
    translate,
)
from finn_flows.tool_process import Limits

Source = tuple[str, str]

HARNESS = Path(__file__).parent / "harness"
_FST_COMPRESSION = Path(__file__).parent / "fst_compression"

#: Of the model and the harness. Measured on the whole CnvW2A2 (docs/simulating.md).
MODEL_FLAGS = ("-O1",)
#: Of Verilator's runtime, which is compiled once for all models.
RUNTIME_FLAGS = ("-O1",)
_LANGUAGE = ("-std=c++17", "-pthread")

PROGRAM = "model"
FACTS = "facts.json"
_RUNTIME = "runtime.o"


@dataclass(frozen=True)
class CompiledModel:
    """``program``: the executable. ``compile_seconds``: what making it took, when it was made;
    ``cached``: whether it was there already."""

    program: Path
    compile_seconds: float
    cached: bool


@dataclass(frozen=True)
class _Toolchain:
    verilator: Verilator
    compiler: Compiler
    limits: Limits

    def key(self, *facts: object) -> str:
        """Hash of the tools and of ``facts``."""
        tools = [self.verilator.version, self.compiler.program, self.compiler.description]
        return hashlib.sha256(json.dumps([tools, *facts]).encode()).hexdigest()


def compile_model(
    sources: Iterable[Source],
    top: str,
    *,
    harness: str | None = None,
    trace: Trace | None = None,
    flags: Sequence[str] = (),
    model_flags: Sequence[str] = MODEL_FLAGS,
    jobs: int = 1,
    limits: Limits | None = None,
) -> CompiledModel:
    """The program that ``harness`` (C++; None: the folder harness) and the module ``top`` make.

    ``sources``: (file name, SystemVerilog text), in the order in which Verilator is to read them.
    ``flags`` are added to Verilator's; ``jobs``: how many compilers may run at a time; ``limits``
    hold for each tool by itself. Raises SimulationError, with the first error of the tool that
    failed.
    """
    parts = harness_sources() if harness is None else [("main.cpp", harness)]
    tools = _Toolchain(find_verilator(), find_compiler(), limits or Limits())
    listed = list(sources)
    key = tools.key(
        listed, parts, top, trace, VERILATOR_FLAGS, TRACE_FLAGS, list(flags), list(model_flags)
    )
    folder = cache_directory("verilator") / "models" / key[:2] / key
    facts = _facts(folder, PROGRAM)
    if facts is None:
        with _locked(folder):
            facts = _facts(folder, PROGRAM)  # another process may have made it meanwhile
            if facts is None:
                with _published(folder, PROGRAM, top=top) as work:
                    _make(tools, listed, top, parts, trace, flags, model_flags, jobs, work)
                facts = _facts(folder, PROGRAM)
                if facts is None:
                    raise SimulationError("a program was damaged while it was stored", where=folder)
                return CompiledModel(folder / PROGRAM, facts["compile_seconds"], False)
    return CompiledModel(folder / PROGRAM, facts["compile_seconds"], True)


def harness_sources() -> list[Source]:
    """(file name, C++) of the harness; it begins in main.cpp."""
    return [(path.name, path.read_text()) for path in sorted(HARNESS.iterdir()) if path.is_file()]


def _make(
    tools: _Toolchain,
    sources: Sequence[Source],
    top: str,
    harness: Sequence[Source],
    trace: Trace | None,
    flags: Sequence[str],
    model_flags: Sequence[str],
    jobs: int,
    work: Path,
) -> None:
    """Leave the program, and nothing else, in ``work``."""
    scratch = work / "scratch"
    scratch.mkdir()
    names = _written(sources, scratch / "rtl")
    parts = _written(harness, scratch / "harness")
    generated = scratch / "cpp"
    generated.mkdir()
    files = translate(
        tools.verilator, names, top, generated, trace=trace, flags=flags, limits=tools.limits
    )
    runtime = [_runtime_object(tools, file, trace) for file in files["global"]]
    # Every unit pays for Verilator's headers, so there are two and not one for each file: what runs
    # every cycle, and what runs once (or writes traces), which need not be made quick.
    programs = [path for path in parts if path.suffix == ".cpp"]
    often = [*programs, *files["classes_fast"], *files["support_fast"]]
    once = [*files["classes_slow"], *files["support_slow"]]
    units = [("often", often, model_flags), ("once", once, ("-O0",))]
    defines = _defines(trace)

    def compiled(unit: tuple[str, list[Path], Sequence[str]]) -> str:
        name, members, optimisation = unit
        (generated / f"{name}.cpp").write_text("".join(f'#include "{file}"\n' for file in members))
        compile_cpp(
            tools.compiler,
            [*_LANGUAGE, *optimisation, *_includes(tools), *defines, "-c", f"{name}.cpp"],
            what="the C++ compiler",
            directory=generated,
            limits=tools.limits,
        )
        return str(generated / f"{name}.o")

    if jobs > 1:
        with ThreadPoolExecutor(jobs) as pool:
            objects = list(pool.map(compiled, units))
    else:
        objects = list(map(compiled, units))
    compile_cpp(
        tools.compiler,
        [*objects, *map(str, runtime), "-pthread", "-o", str(work / PROGRAM)],
        what="the linker",
        directory=generated,
        limits=tools.limits,
    )
    shutil.rmtree(scratch)


def _written(sources: Iterable[Source], folder: Path) -> list[Path]:
    """The paths of ``sources``, written into the new ``folder``."""
    folder.mkdir()
    paths = []
    for name, text in sources:
        paths.append(folder / name)
        paths[-1].write_text(text)
    return paths


def _runtime_object(tools: _Toolchain, source: Path, trace: Trace | None) -> Path:
    """The object of one file of Verilator's runtime, made once for all models."""
    flags = [*_LANGUAGE, *RUNTIME_FLAGS, *_defines(trace)]
    key = tools.key(source.name, flags)
    folder = cache_directory("verilator") / "runtime" / f"{source.stem}-{key[:32]}"
    result = folder / _RUNTIME
    if _facts(folder, _RUNTIME) is None:
        with _locked(folder):
            if _facts(folder, _RUNTIME) is None:
                with _published(folder, _RUNTIME) as work:
                    compile_cpp(
                        tools.compiler,
                        [*flags, *_includes(tools), "-c", str(source), "-o", _RUNTIME],
                        what=f"the C++ compiler, on Verilator's {source.name}",
                        directory=work,
                        limits=tools.limits,
                    )
    return result


def _includes(tools: _Toolchain) -> list[str]:
    include = tools.verilator.include
    folders = (_FST_COMPRESSION, include, include / "vltstd")
    return ["-I.", *(f"-I{folder}" for folder in folders)]


def _defines(trace: Trace | None) -> list[str]:
    kinds = {name: int(trace == name.lower()) for name in ("FST", "VCD")}
    return [
        "-DVM_COVERAGE=0",
        "-DVM_SC=0",
        "-DVM_TRACE_SAIF=0",
        f"-DVM_TRACE={int(trace is not None)}",
        *(f"-DVM_TRACE_{name}={on}" for name, on in kinds.items()),
        *(f"-DTRACE_{name}" for name, on in kinds.items() if on),
    ]


def _facts(folder: Path, made: str) -> dict[str, Any] | None:
    """What is known of the file ``made`` in ``folder``; None unless it is as it was published."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
        intact = facts["sha256"] == _sha256(folder / made) and facts["compile_seconds"] >= 0
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if intact else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Held by the one process that makes ``folder``, whose parent is made."""
    lock = folder.with_name(f"{folder.name}.lock")
    with ExitStack() as held:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(lock))
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


@contextmanager
def _published(folder: Path, made: str, **facts: object) -> Iterator[Path]:
    """A new folder to work in, which becomes ``folder`` at the end: whole or not at all.

    ``made``: the file that must be in it then; ``facts`` are kept with it. Under :func:`_locked`:
    what an earlier process left in the making, when it was killed, is removed.
    """
    work = folder.with_name(f".making-{folder.name}")
    begun = time.perf_counter()
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        yield work
        if not (work / made).is_file():
            raise SimulationError(f"the C++ compiler says that all is well, but left no {made}")
        kept = {"sha256": _sha256(work / made), "compile_seconds": time.perf_counter() - begun}
        (work / FACTS).write_text(json.dumps({**facts, **kept}))
        if folder.exists():  # damaged, or left by somebody who was stopped while deleting it
            shutil.rmtree(folder)
        work.replace(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> SimulationError:
    return SimulationError(
        f"the cache cannot be written: {error.strerror or error}", where=folder.parent
    )
