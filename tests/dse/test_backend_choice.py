"""Which backends are used, for which board, and what is said where one cannot work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dse.backend_choice import BuildTarget, choose_backends
from dse.cli import main
from dse.device_choice import choose_device
from dse.errors import InputError
from finn_flows.backends.vivado import VivadoBackend

BOARDS = """\
[board.Slow-Z7]
part = "xc7z010clg400-1"
processor = "zynq-7000"
board_part = "example.com:slow-z7:part0:1.0"
clock = 62.5
"""


@pytest.fixture
def board_file(tmp_path: Path) -> Path:
    path = tmp_path / "boards.toml"
    path.write_text(BOARDS)
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tools with a vivado that says its release, and nothing else of the vendor's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    tool(folder, "vivado")
    monkeypatch.setenv("FINN_TOOL_DIR_OVERRIDE", str(folder))
    monkeypatch.setenv("FINN_DEPS", str(tmp_path / "deps"))
    return folder


def tool(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name} v2022.2 (64-bit)'\n")
    path.chmod(0o755)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A computer without any vendor tool, whatever it has."""
    monkeypatch.setenv("FINN_TOOL_DIR_OVERRIDE", str(tmp_path))


@pytest.mark.usefixtures("bare")
def test_without_vendor_tools_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was loaded")

    monkeypatch.setattr("finn_flows.weights.load_weights", refuse)
    out = tmp_path / "out"
    arguments = ["--backend", "vivado", "--board", "Pynq-Z1", "--out", str(out)]
    swept = CliRunner().invoke(main, ["sweep", *arguments])
    assert swept.exit_code == 2
    (line,) = swept.output.splitlines()
    assert line.startswith("dse: error: not installed here: vivado")
    assert line.endswith("(choose from estimate, yosys)")
    built = CliRunner().invoke(main, ["build", "--split", "3", "--part", "1", *arguments])
    assert built.exit_code == 2
    # Of these, it alone makes a circuit.
    assert built.output.endswith("(choose from yosys)\n")
    assert not out.exists()


def test_what_else_is_missing_is_named_one_by_one(installed: Path) -> None:
    target = BuildTarget(board="Pynq-Z1")
    with pytest.raises(InputError, match="not installed here: vitis_hls"):
        choose_backends(["vivado"], target)
    tool(installed, "vitis_hls")
    with pytest.raises(InputError, match=r"finn-hlslib is not there.*finn deps update"):
        choose_backends(["vivado"], target)
    library = Path(os.environ["FINN_DEPS"]) / "finn-hlslib" / "bnn-library.h"
    library.parent.mkdir(parents=True)
    library.write_text("// the library\n")
    with pytest.raises(InputError, match=r"no files of www\.digilentinc\.com:pynq-z1"):
        choose_backends(["vivado"], target)
    # Vivado has this one's itself.
    (backend,) = choose_backends(["vivado"], BuildTarget(board="ZCU104"))
    assert backend.name == "vivado"


@pytest.mark.usefixtures("bare")
def test_what_builds_elsewhere_is_not_looked_for_here() -> None:
    (backend,) = choose_backends(["vivado"], BuildTarget(board="pynq-z1", here=False))
    assert backend.board.name == "Pynq-Z1"  # type: ignore[attr-defined]


def test_limits_and_board_reach_the_backend(board_file: Path) -> None:
    target = BuildTarget(
        board="slow-z7", board_file=board_file, tool_hours=1.5, tool_memory_gb=12, here=False
    )
    estimate, vivado = choose_backends(["vivado", "estimate", "vivado"], target)
    assert (estimate.name, vivado.name) == ("estimate", "vivado")
    assert vivado.limits.seconds == 5400  # type: ignore[attr-defined]
    assert vivado.limits.memory_bytes == 12 * 1024**3  # type: ignore[attr-defined]
    assert vivado.board.part == "xc7z010clg400-1"  # type: ignore[attr-defined]
    assert choose_device(None, "SLOW-Z7", board_file) == "xc7z010clg400-1"


def test_a_boards_clock_is_taken_where_none_is_given(board_file: Path) -> None:
    assert BuildTarget(board="Slow-Z7", board_file=board_file).clock() == 62.5
    assert BuildTarget(board="Slow-Z7", board_file=board_file, clock_mhz=100).clock() == 100
    assert BuildTarget(board="Pynq-Z1", board_file=board_file).clock() == 100
    assert BuildTarget().clock() == 100
    with pytest.raises(InputError, match="0"):
        BuildTarget(clock_mhz=0).clock()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            BuildTarget(device="xczu3eg-sbva484-1-e", here=False),
            "not for xczu3eg-sbva484-1-e alone; expected --board NAME .choose from.*Pynq-Z1",
        ),
        (BuildTarget(board="VCK190", here=False), "nothing for VCK190"),
        (BuildTarget(board="Z9", here=False), "unknown board 'Z9'"),
    ],
)
def test_a_board_that_vivado_cannot_build_for_is_refused(target: BuildTarget, said: str) -> None:
    with pytest.raises(InputError, match=said):
        choose_backends(["vivado"], target)


def test_nothing_said_is_the_board_that_carries_the_default_device() -> None:
    [backend] = choose_backends(["vivado"], BuildTarget(here=False))
    assert isinstance(backend, VivadoBackend)
    assert backend.board is not None
    assert backend.board.name == "Pynq-Z1"
    assert backend.board.part == choose_device(None, None)


def test_options_that_nothing_heeds_are_refused(board_file: Path) -> None:
    with pytest.raises(InputError, match="no backend here runs any"):
        choose_backends(["estimate"], BuildTarget(tool_hours=1))
    with pytest.raises(InputError, match=r"no board.*--board NAME.*Slow-Z7"):
        choose_device(None, None, board_file)
    with pytest.raises(InputError, match=r"unknown board 'Z9'.*Slow-Z7"):
        choose_device(None, "Z9", board_file)
    with pytest.raises(InputError, match="carries xc7z010clg400-1, not xc7z020clg400-1"):
        choose_device("xc7z020clg400-1", "Slow-Z7", board_file)


def test_a_part_may_be_numbered(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(main, ["build", "--part", "3", "--out", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "'first', 'second', '1', '2', 'both'" in wrong.output


@pytest.mark.parametrize(
    ("board", "clock", "limits"),
    [
        ("Pynq-Z1", 0.5, "6.25 to 741 MHz"),
        ("Pynq-Z1", 6.2, "6.25 to 741 MHz"),
        ("Pynq-Z1", 5000, "6.25 to 741 MHz"),
        ("ZCU104", 892, "5.86 to 891 MHz"),
    ],
)
def test_a_clock_that_no_pll_makes_is_refused_before_anything_starts(
    board: str, clock: float, limits: str
) -> None:
    target = BuildTarget(board=board, clock_mhz=clock, here=False)
    with pytest.raises(InputError, match=f"{board} cannot be clocked at {clock:g} MHz.*{limits}"):
        choose_backends(["vivado"], target)
    # Others count without a PLL.
    assert choose_backends(["estimate"], target)


@pytest.mark.parametrize("clock", [6.25, 100.0, 741.0])
def test_a_clock_within_the_limits_is_taken(clock: float) -> None:
    target = BuildTarget(board="Pynq-Z1", clock_mhz=clock, here=False)
    assert choose_backends(["vivado"], target)
