"""Waves: an FST of the whole run, a VCD around one image, and the LZ4 that packs the FST."""

from __future__ import annotations

import os
import random
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dse.errors import OutputError
from finn_flows.simulation import compiled_model
from finn_flows.simulation.simulate import simulate
from finn_flows.simulation.verilator import SimulationError, find_compiler
from tests.finn_flows.simulation.small_part import small_images, small_part, small_results
from tests.finn_flows.simulation.wave_files import Waves, lz4_block, read_fst, read_vcd

PERIOD = 10_000  # picoseconds a cycle
IMAGES = 6

pytestmark = pytest.mark.usefixtures("in_simulation_cache")


def at(changes: list[tuple[int, str]], time: int) -> str:
    """The value just before ``time``."""
    return [value for when, value in changes if when < time][-1]


def words_given(waves: Waves, scope: str) -> list[tuple[int, int]]:
    """(cycle, word) of each transfer at the output, read from the waves at rising clock edges."""
    signals = {name: waves[f"{scope}.m_axis_0_{name}"] for name in ("tvalid", "tready", "tdata")}
    found = []
    for (_, before), (edge, value) in pairwise(waves[f"{scope}.ap_clk"]):
        if (before, value) != ("0", "1"):
            continue
        try:
            valid, ready, data = (at(signals[name], edge) for name in signals)
        except IndexError:
            continue  # before the first value of a window
        if valid == ready == "1":
            found.append((edge // PERIOD - 1, int(data, 2)))
    return found


def scope_of(waves: Waves) -> str:
    (name,) = [name for name in waves if name.endswith(".part.m_axis_0_tvalid")]
    return name.removesuffix(".m_axis_0_tvalid")


@pytest.mark.slow
def test_an_fst_holds_the_whole_run(tmp_path: Path) -> None:
    images = small_images(IMAGES)
    path = tmp_path / "new" / "run.fst"
    result = simulate(small_part(), images, trace=path)
    np.testing.assert_array_equal(result.words, small_results(images))
    waves = read_fst(path)
    given = words_given(waves, scope_of(waves))
    words = small_results(images).ravel().tolist()
    assert [word for _, word in given[: len(words)]] == words
    assert [cycle for cycle, _ in given[3 : len(words) : 4]] == result.last_out.tolist()
    assert any(name.endswith(".part.conv0.left") for name in waves)
    assert not any("storage" in name for name in waves)  # inside a FIFO, one level too deep


@pytest.mark.slow
def test_a_trace_shows_as_many_levels_as_asked_for(tmp_path: Path) -> None:
    for depth, shown in ((2, 1), (0, 4)):
        path = tmp_path / f"{depth}.vcd"
        simulate(small_part(), small_images(1), vcd=path, vcd_image=0, trace_depth=depth)
        names = [name.partition("part.part.")[2] for name in read_vcd(path)]
        assert max(name.count(".") for name in names) == shown - 1


@pytest.mark.slow
def test_a_vcd_holds_the_time_around_one_image(tmp_path: Path) -> None:
    images = small_images(IMAGES)
    path = tmp_path / "frame.vcd"
    result = simulate(small_part(), images, vcd=path, vcd_image=3)
    waves = read_vcd(path)
    times = [time for changes in waves.values() for time, _ in changes]
    first, last = min(times) // PERIOD, max(times) // PERIOD
    assert result.first_in[3] <= first <= result.first_in[3] + 1
    assert result.last_out[3] < last <= result.last_out[3] + 20
    given = dict(words_given(waves, scope_of(waves)))
    assert given[int(result.last_out[3])] == int(small_results(images)[3, 3])
    assert path.stat().st_size > 0


@pytest.mark.slow
def test_fst_and_vcd_agree(tmp_path: Path) -> None:
    images = small_images(IMAGES)
    simulate(small_part(), images, trace=tmp_path / "run.fst")
    simulate(small_part(), images, vcd=tmp_path / "run.vcd", vcd_image=2)
    fst, vcd = read_fst(tmp_path / "run.fst"), read_vcd(tmp_path / "run.vcd")
    end = max(time for changes in vcd.values() for time, _ in changes)
    begin = min(time for changes in vcd.values() for time, _ in changes)
    compared = 0
    for name, changes in vcd.items():
        plain = name.partition("[")[0]
        if plain not in fst or not changes:
            continue
        for time in range(begin + PERIOD // 2, end, PERIOD // 2):
            assert at(changes, time + 1) == at(fst[plain], time + 1), (name, time)
        compared += 1
    assert compared > 40


def test_a_run_that_fails_leaves_its_waves(tmp_path: Path) -> None:
    path = tmp_path / "run.fst"
    with pytest.raises(SimulationError, match="TLAST is missing"):
        simulate(small_part(3), small_images(IMAGES), trace=path)
    waves = read_fst(path)
    assert len(words_given(waves, scope_of(waves))) >= 3


def test_a_trace_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"run\.fst"):
        simulate(small_part(), small_images(1), trace=tmp_path / "file" / "run.fst")
    with pytest.raises(SimulationError, match="two traces"):
        simulate(
            small_part(), small_images(1), trace=tmp_path / "a", vcd=tmp_path / "b", vcd_image=0
        )
    with pytest.raises(SimulationError, match="image 1 of 1"):
        simulate(small_part(), small_images(1), vcd=tmp_path / "b", vcd_image=1)


_PACK = r"""
#include "lz4.h"
#include <cstdio>
#include <string>
#include <vector>
int main() {
    std::string in;
    for (int c; (c = getchar()) != EOF;) in.push_back(static_cast<char>(c));
    std::vector<char> out(LZ4_compressBound(in.size()));
    if (LZ4_compress_default(in.data(), out.data(), in.size(), out.size() - 1) != 0) return 1;
    int size = LZ4_compress_default(in.data(), out.data(), in.size(), out.size());
    fwrite(out.data(), 1, size, stdout);
}
"""


def test_lz4_gives_back_every_byte(tmp_path: Path) -> None:
    source, program = tmp_path / "pack.cpp", tmp_path / "pack"
    source.write_text(_PACK)
    include = Path(compiled_model.__file__).parent / "fst_compression"
    compiler = find_compiler().program
    subprocess.run(
        [compiler, "-fsanitize=address,undefined", f"-I{include}", source, "-o", program],
        check=True,
    )
    generator = random.Random(1)
    cases = [b"", b"a", b"abcd" * 4, bytes(300_000), os.urandom(70_000), b"x" * 19, b"y" * 15]
    for _ in range(40):
        alphabet = bytes(generator.randrange(256) for _ in range(generator.choice([1, 2, 5])))
        piece = bytes(generator.choice(alphabet) for _ in range(generator.randrange(1, 400)))
        cases.append(b"".join(generator.choice([piece, os.urandom(20)]) for _ in range(30)))
    # Repeated from just within and just beyond the farthest match.
    far = os.urandom(64)
    cases += [far + os.urandom(distance) + far + b"tail!" * 3 for distance in (65_470, 65_480)]
    for case in cases:
        packed = subprocess.run([program], input=case, capture_output=True, check=True).stdout
        assert lz4_block(packed) == case
    assert len(subprocess.run([program], input=bytes(10**6), capture_output=True).stdout) < 5000
