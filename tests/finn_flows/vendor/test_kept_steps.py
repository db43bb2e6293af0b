"""Steps that are done stay done, whatever interrupts a build; nothing else is taken for done."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_flows.vendor.kept_steps import MARKERS, KeptSteps
from finn_flows.vendor.left_processes import DIRECTORY_VARIABLE

PROJECT = Path(__file__).resolve().parents[3]
#: A build of three steps; each notes that it begins and leaves a file, piece by piece.
_BUILD = """
import sys, time
from pathlib import Path
from finn_flows.vendor.kept_steps import KeptSteps

folder = Path(sys.argv[1])

def work(name):
    with (folder / "calls").open("a") as calls:
        calls.write(name + "\\n")
    with (folder / name).open("w") as file:
        for number in range(5):
            file.write(f"{name} {number}\\n")
            file.flush()
            time.sleep(0.01)
    return {"name": name}

with KeptSteps(folder) as steps:
    for name in ("one", "two", "three"):
        given = steps.do(name, "key", lambda: work(name), outputs=[folder / name])
        assert given == {"name": name}
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _BUILD, str(folder)], cwd=PROJECT)


def calls(folder: Path) -> list[str]:
    noted = folder / "calls"
    return noted.read_text().split() if noted.exists() else []


class Step:
    """Counts how often it is done, and leaves ``file``."""

    def __init__(self, file: Path) -> None:
        self.file, self.times = file, 0

    def __call__(self) -> object:
        self.times += 1
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("as it was made\n")
        return {"times": self.times, "pair": (1, 2)}


def test_a_step_is_done_once_and_gives_the_same_again(tmp_path: Path) -> None:
    step = Step(tmp_path / "build/out/file")
    given = []
    for _ in range(2):  # a build that goes on later
        with KeptSteps(tmp_path / "build") as steps:
            given += [
                steps.do("conv3, MVAU: HLS", "k", step, outputs=[step.file]) for _ in range(2)
            ]
            assert steps.done() == ["conv3, MVAU: HLS"]
    assert step.times == 1
    assert given == [{"times": 1, "pair": [1, 2]}] * 4


@pytest.mark.parametrize("damage", ["changed", "short", "gone", "key", "marker", "marker cut"])
def test_a_step_is_done_anew_if_anything_of_it_is_not_as_it_was(
    tmp_path: Path, damage: str
) -> None:
    step = Step(tmp_path / "out" / "file")
    with KeptSteps(tmp_path) as steps:
        steps.do("step", "k", step, outputs=[tmp_path / "out"])
        (marker,) = (tmp_path / MARKERS).iterdir()
        if damage == "changed":
            step.file.write_text("as it was mad!\n")
        elif damage == "short":
            step.file.write_text("as it\n")
        elif damage == "gone":
            step.file.unlink()
        elif damage == "marker":
            marker.unlink()
        elif damage == "marker cut":
            marker.write_text(marker.read_text()[:40])
        steps.do("step", "other" if damage == "key" else "k", step, outputs=[tmp_path / "out"])
    assert step.times == 2
    assert step.file.read_text() == "as it was made\n"


def test_names_that_differ_are_different_steps(tmp_path: Path) -> None:
    names = ["a b", "a_b", "a/b", "A b", ".a b", "", "é", "x" * 300, "x" * 299]
    with KeptSteps(tmp_path) as steps:
        for name in names:
            steps.do(name, "k", lambda name=name: name)
        for name in names:
            assert steps.do(name, "k", lambda: "done again") == name


def test_a_step_that_fails_is_not_done_and_what_was_done_stays(tmp_path: Path) -> None:
    good, bad = Step(tmp_path / "good"), Step(tmp_path / "bad")

    def fail() -> None:
        bad()
        raise ValueError("no")

    for _ in range(2):
        with KeptSteps(tmp_path) as steps:
            steps.do("good", "k", good, outputs=[good.file])
            with pytest.raises(ValueError, match="no"):
                steps.do("bad", "k", fail, outputs=[bad.file])
    assert (good.times, bad.times) == (1, 2)


def test_a_step_that_left_nothing_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with KeptSteps(tmp_path) as steps:
        for missing in ("nowhere", "empty"):
            with pytest.raises(FileNotFoundError):
                steps.do("step", "k", lambda: None, outputs=[tmp_path / missing])
        assert steps.done() == []


def test_two_processes_do_no_step_twice(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert calls(tmp_path) == ["one", "two", "three"]


def test_a_tool_of_a_killed_process_is_ended_before_the_build_goes_on(tmp_path: Path) -> None:
    environment = {**os.environ, DIRECTORY_VARIABLE: str(tmp_path / "build" / "code")}
    left = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
    other = subprocess.Popen(
        ["sleep", "600"], env={**os.environ, DIRECTORY_VARIABLE: str(tmp_path / "build2")}
    )
    try:
        with KeptSteps(tmp_path / "build"):
            assert left.wait(timeout=10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_build_that_is_killed_anywhere_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGKILL at random: each step that was done is not done again, each other one is."""
    seed = int(os.environ.get("SPLIT_DSE_SEED", "0")) or random.randrange(1 << 30)
    print(f"SPLIT_DSE_SEED={seed}")
    random_ = random.Random(seed)
    folder = tmp_path / "build"
    folder.mkdir()
    for _ in range(12):
        process = start(folder)
        time.sleep(random_.uniform(0.05, 0.5))
        process.kill()
        process.wait()
        done = [json.loads(file.read_text())["name"] for file in folder.glob(f"{MARKERS}/*.json")]
        before = calls(folder)
        assert start(folder).wait(timeout=60) == 0
        again = calls(folder)[len(before) :]
        assert again == [name for name in ("one", "two", "three") if name not in done]
        for name in ("one", "two", "three"):
            assert (folder / name).read_text().count("\n") == 5
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
        for file in folder.glob(f"{MARKERS}/*"):
            file.unlink()
