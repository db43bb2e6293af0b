"""Synthesis results shared between processes: made once, never trusted unread."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dse.errors import StoreError
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.synthesis import cache as cache_module
from finn_flows.synthesis.cache import cached_synthesis, design_key
from finn_flows.synthesis.design import Design, Synthesis
from finn_flows.synthesis.errors import SynthesisTimeout
from finn_flows.synthesis.recipe import synthesise
from finn_flows.tool_process import Limits
from tests.dse.test_full_disk import small_disk
from tests.finn_flows.process_watch import assert_none_is_left, wait_for
from tests.finn_flows.synthesis.small_designs import CONSTANTS, design, divider, parity


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "synthesis"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Design]:
    """The designs that are really synthesised, in turn."""
    synthesised: list[Design] = []

    def recording(design: Design, limits: Limits, directory: Path) -> Synthesis:
        synthesised.append(design)
        return synthesise(design, limits, directory)

    monkeypatch.setattr(cache_module, "synthesise", recording)
    return synthesised


def visible(folder: Path) -> list[str]:
    """What lies in the cache, but for locks (which stay, so that no two are held for one key)."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_an_entry_says_what_the_synthesis_said(folder: Path, runs: list[Design]) -> None:
    made = cached_synthesis(parity(), Limits())
    assert len(runs) == 1
    assert made.cells["FDRE"] == 37
    assert made.utilization.ff == 37
    assert made.logic_depth.end == "register odd D"
    assert made.netlist.read_text().rstrip().endswith("endmodule")
    assert "Yosys" in made.netlist.read_text().splitlines()[0]
    assert "synth_xilinx" in made.log.read_text()
    again = cached_synthesis(parity(), Limits())
    assert again == made
    assert len(runs) == 1
    assert visible(folder) == [design_key(parity())]


def test_another_device_of_the_family_shares_the_entry(folder: Path, runs: list[Design]) -> None:
    made = cached_synthesis(parity(), Limits())
    other = cached_synthesis(replace(parity(), device="xc7z010clg400-1"), Limits())
    assert len(runs) == 1
    assert other.utilization == replace(made.utilization, device="xc7z010clg400-1")


def test_everything_that_decides_the_result_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    base = design("constants", CONSTANTS, ("constants.hex", "0\n" * 16))
    (source,) = base.sources
    variants = [
        base,
        replace(base, top="other"),
        replace(base, sources=((source[0], source[1] + "\n"),)),
        replace(base, sources=(source, ("more.sv", ""))),
        replace(base, memory_files=(("constants.hex", "1\n" * 16),)),
        replace(base, memory_files=()),
        replace(base, device="xczu3eg-sbva484-1-e"),
    ]
    keys = [design_key(variant) for variant in variants]
    monkeypatch.setattr(cache_module, "yosys_version", lambda: "0.71")
    keys.append(design_key(base))
    monkeypatch.undo()
    monkeypatch.setattr(cache_module, "FLOW_VERSION", "next")
    keys.append(design_key(base))
    assert len(set(keys)) == len(keys)


def _without(name: str) -> Callable[[Path], None]:
    return lambda entry: (entry / name).unlink()


def _altered(name: str) -> Callable[[Path], None]:
    def alter(entry: Path) -> None:
        data = bytearray((entry / name).read_bytes())
        data[len(data) // 2] ^= 1
        (entry / name).write_bytes(data)

    return alter


def _fewer_cells(entry: Path) -> None:
    found = json.loads((entry / "entry.json").read_text())
    found["content"]["cells"]["LUT6"] = 0
    (entry / "entry.json").write_text(json.dumps(found))


def _text(text: str) -> Callable[[Path], None]:
    def write(entry: Path) -> None:
        (entry / "entry.json").write_text(text)

    return write


DAMAGE = {
    "no entry": _without("entry.json"),
    "no netlist": _without("netlist.v"),
    "an altered entry": _altered("entry.json"),
    "an altered netlist": _altered("netlist.v"),
    "an altered log": _altered("synthesis.log"),
    "other counts": _fewer_cells,
    "an empty entry": _text(""),
    "a list": _text("[]"),
    "another form": _text('{"content": {}, "sha256": 0}'),
    "no folder": lambda entry: (shutil.rmtree(entry), entry.write_text(""))[0],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_made_again(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cached_synthesis(parity(), Limits())
    stored = tmp_path / "stored"
    shutil.copytree(made.netlist.parent, stored)
    runs = []

    def copying(design: Design, limits: Limits, directory: Path) -> Synthesis:
        """The same synthesis, without the two seconds."""
        runs.append(design)
        for name in ("netlist.v", "synthesis.log"):
            shutil.copy(stored / name, directory / name)
        return replace(made, netlist=directory / "netlist.v", log=directory / "synthesis.log")

    monkeypatch.setattr(cache_module, "synthesise", copying)
    damage(folder / design_key(parity()))
    assert cached_synthesis(parity(), Limits()) == made
    assert runs == [parity()]
    assert visible(folder) == [design_key(parity())]
    assert cached_synthesis(parity(), Limits()) == made
    assert runs == [parity()]


def test_a_failure_is_no_entry_and_leaves_its_log(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(SynthesisTimeout) as caught:
            cached_synthesis(divider(), Limits(seconds=0.5))
    log = folder / "failed" / f"{design_key(divider())}.log"
    assert str(log) in str(caught.value)
    assert "read_slang" in log.read_text()
    assert visible(folder) == ["failed"]


_ONE_OF_MANY = """
from finn_flows.synthesis import cache
from finn_flows.tool_process import Limits
from tests.finn_flows.synthesis.small_designs import parity
from finn_flows.synthesis.recipe import synthesise
def telling(*arguments):
    print("synthesised", flush=True)
    return synthesise(*arguments)
cache.synthesise = telling
print(cache.cached_synthesis(parity(), Limits()).cells)
"""


def test_processes_that_want_the_same_make_it_once(folder: Path) -> None:
    command = [sys.executable, "-c", _ONE_OF_MANY]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(lines.count("synthesised") for lines in said) == 1
    assert len({lines[-1] for lines in said}) == 1
    assert visible(folder) == [design_key(parity())]


def test_a_killed_maker_gives_way_to_the_next(folder: Path) -> None:
    maker = subprocess.Popen([sys.executable, "-c", _ONE_OF_MANY], stdout=subprocess.DEVNULL)
    wait_for("yosys_process.py", folder)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    assert_none_is_left(folder)
    key = design_key(parity())
    assert visible(folder) == [f".building-{key}"]
    assert cached_synthesis(parity(), Limits()).cells["FDRE"] == 37
    assert visible(folder) == [key]


def test_a_full_disk_is_named_and_leaves_nothing(folder: Path) -> None:
    folder.parent.mkdir()
    with small_disk(folder, "80k"):
        with pytest.raises(StoreError, match="No space left on device") as caught:
            cached_synthesis(parity(), Limits())
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.ENOSPC
        assert visible(folder) == []


def test_a_cache_that_is_read_only_is_read(folder: Path, runs: list[Design]) -> None:
    folder.parent.mkdir()
    with small_disk(folder, "10m"):
        made = cached_synthesis(parity(), Limits())
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        assert cached_synthesis(parity(), Limits()) == made
        with pytest.raises(StoreError, match="Read-only file system") as caught:
            cached_synthesis(divider(), Limits())
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EROFS
    assert runs == [parity()]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_cache_without_permission(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    with pytest.raises(StoreError, match="Permission denied"):
        cached_synthesis(parity(), Limits())
