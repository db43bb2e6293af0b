"""The configuration port: what is written arrives once and in order, whatever the channels do."""

from __future__ import annotations

import random
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.finn_flows.rtl.stream_bench import compile_model, library, verilate

HARNESS = Path(__file__).with_name("axilite_harness.cpp")
IDENTITY, IMAGES, LAYER, ADDRESS, DATA = 0x00, 0x04, 0x08, 0x0C, 0x10


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled harness."""
    directory = tmp_path_factory.mktemp("axilite")
    top = ["--top-module", "axilite_configuration", "-GIDENTITY=32'h5EED1234"]
    done = verilate("--cc", *top, "--Mdir", directory / "model", *library())
    assert done.returncode == 0, done.stderr
    return compile_model(directory, [HARNESS, *sorted((directory / "model").glob("*.cpp"))])


def play(model: Path, accesses: list[str], seed: int, hesitation: int) -> list[list[str]]:
    """What the harness reports, line by line, in words."""
    done = subprocess.run(
        [str(model), str(seed), str(hesitation)],
        input="\n".join(accesses),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def write(address: int, data: int, strobes: int = 0xF) -> str:
    return f"W {address:x} {data:x} {strobes:x}"


@pytest.mark.parametrize("hesitation", [0, 60, 200])
@pytest.mark.parametrize("seed", range(5))
def test_writes_arrive_once_and_in_order(model: Path, seed: int, hesitation: int) -> None:
    generator = random.Random(seed)
    accesses, expected, layer, address = [], [], 0, 0
    for _ in range(200):
        choice = generator.random()
        if choice < 0.1:
            layer = generator.randrange(256)
            accesses.append(write(LAYER, layer))
        elif choice < 0.2:
            address = generator.randrange(2**32)
            accesses.append(write(ADDRESS, address))
        else:
            data = generator.randrange(2**32)
            accesses.append(write(DATA, data))
            expected.append([f"{layer:x}", f"{address:x}", f"{data:x}"])
            address = (address + 1) % 2**32
    found = play(model, accesses, seed, hesitation)
    assert [line[1:4] for line in found if line[0] == "C"] == expected
    assert [line[1] for line in found if line[0] == "B"] == ["0"] * len(accesses)


def test_a_write_every_cycle(model: Path) -> None:
    found = play(model, [write(DATA, value) for value in range(50)], 0, 0)
    cycles = [int(line[4]) for line in found if line[0] == "C"]
    assert {b - a for a, b in pairwise(cycles)} == {1}


@pytest.mark.parametrize("hesitation", [0, 150])
def test_registers_read_back(model: Path, hesitation: int) -> None:
    accesses = [
        *(f"R {register:x}" for register in (IDENTITY, IMAGES, LAYER, ADDRESS, DATA, 0x40)),
        *(write(IMAGES, 37), write(LAYER, 5), write(ADDRESS, 0x80000010), write(IDENTITY, 1)),
        *(write(DATA, 1), write(DATA, 2)),
        *(f"R {register:x}" for register in (IDENTITY, IMAGES, LAYER, ADDRESS)),
    ]
    found = play(model, accesses, 3, hesitation)
    read = [int(line[1], 16) for line in found if line[0] == "D"]
    assert read == [0x5EED1234, 1, 0, 0, 0, 0, 0x5EED1234, 37, 5, 0x80000012]
    assert found[-1] == ["I", "25"]


def test_a_write_of_part_of_a_word_is_refused_and_changes_nothing(model: Path) -> None:
    accesses = [
        *(write(IMAGES, 9, 0x7), write(DATA, 1, 0x1), write(ADDRESS, 4, 0), f"R {ADDRESS:x}"),
    ]
    found = play(model, accesses, 0, 0)
    assert [line[1] for line in found if line[0] == "B"] == ["2", "2", "2"]
    assert [line for line in found if line[0] == "C"] == []
    assert [line for line in found if line[0] in "DI"] == [["D", "0"], ["I", "1"]]
