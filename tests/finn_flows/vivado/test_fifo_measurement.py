"""FIFOs between layers: none where there is no circuit to measure, an error where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.errors import BuildError, InputError
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.circuit import part_circuit
from finn_flows.simulation import compiled_model
from finn_flows.simulation.verilator import SimulationError
from finn_flows.vivado.board import find_board
from finn_flows.vivado.shared_hls import try_fifo_depths
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VendorTools

WHAT = small_network(), small_folding(), "xc7z020clg400-1"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def test_a_network_of_which_there_is_no_circuit_has_no_fifos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, folding, _ = WHAT
    # No table has this device: circuits of ours are made for known ones.
    assert try_fifo_depths(network, folding, "xc7a35tcpg236-1") == {}

    def refuse(*_: object, **__: object) -> None:
        raise BuildError("conv1 reads values for which there is no RTL")

    monkeypatch.setattr(part_circuit, "part_circuit", refuse)
    assert try_fifo_depths(*WHAT) == {}


def test_a_circuit_that_cannot_be_simulated_here_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BuildError, match=r"^FIFO depths: no C\+\+ compiler was found") as told:
        try_fifo_depths(*WHAT)
    assert "\n" not in str(told.value)
    monkeypatch.delenv("CXX")

    def too_slow(*_: object, **__: object) -> None:
        raise SimulationError("Verilator: stopped after 600 s")

    monkeypatch.setattr(compiled_model, "translate", too_slow)
    with pytest.raises(BuildError, match="FIFO depths: Verilator: stopped after 600 s"):
        try_fifo_depths(*WHAT)


def test_a_full_disk_is_no_property_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise BuildError("FINN generates no window") from error

    monkeypatch.setattr(part_circuit, "part_circuit", full)
    with pytest.raises(BuildError, match="FINN generates no window"):
        try_fifo_depths(*WHAT)


def test_a_compiler_is_asked_for_where_fifos_are_measured(
    vendor_tools: VendorTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = find_board("Pynq-Z1")
    VivadoBackend(board=board).check()
    monkeypatch.setenv("CXX", "no-such-compiler")
    VivadoBackend(board=board, measure_fifos=False).check()
    with pytest.raises(InputError, match=r"FIFO depths: no C\+\+ compiler.*package g\+\+"):
        VivadoBackend(board=board).check()
