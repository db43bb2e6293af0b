"""The backend as a sweep sees it: what it leaves, what it goes on from, what it refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dse.errors import BuildError, InputError
from finn_flows.backends.interface import Part
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.build_status import read_status
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vivado.board import find_board
from finn_flows.vivado.installation import find_installation, release_remark
from reports.devices import percent
from reports.readers.read_report import read_report
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Scope, Source, Stage
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VendorTools, install
from tests.finn_flows.vivado.parts import DEVICE, LIMITS

PART = Part(small_network(), PartName.FIRST, Cut(1), small_folding("mine"), DEVICE, 100.0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def backend() -> VivadoBackend:
    return VivadoBackend(board=find_board("Pynq-Z1"), limits=LIMITS, jobs=1, measure_fifos=False)


def test_a_build_is_counts_timing_power_and_files(
    vendor_tools: VendorTools, out: Path, cache: Path
) -> None:
    result = backend().build(PART, out)
    placed, synthesised, said = result.utilization, result.synthesised, result.implementation
    assert placed is not None
    assert synthesised is not None
    assert said is not None
    assert (placed.stage, synthesised.stage) == (Stage.PLACED, Stage.SYNTHESISED)
    assert {placed.scope, synthesised.scope} == {Scope.WITH_SHELL}
    assert {placed.device, synthesised.device} == {DEVICE}
    assert None not in (percent(placed)["lut"], placed.ff, placed.lutram)
    assert result.source is Source.VIVADO_PLACED
    (timing,) = read_report(out / "reports" / "timing_summary.rpt")
    assert said.wns_ns == timing.wns  # type: ignore[union-attr]
    assert said.run_seconds is not None
    assert said.run_seconds > 0
    assert said.misses == ()
    # FINN's estimate of the same layers: nobody measured cycles, nobody counted by layer.
    assert (result.cycles_measured, result.layers) == (False, ())
    assert (result.cycles, result.slowest) == (1152, "conv0")
    assert set(result.artefacts) == {"bitstream", "handoff", "driver", "build"}
    assert read_status(out) is None
    # Projects take gigabytes.
    (work,) = (cache / "vivado").iterdir()
    assert {path.name for path in work.iterdir() if path.is_dir()} == {"result", ".steps"}


@pytest.mark.slow
def test_a_finished_build_is_found_again_by_whoever_asks(
    vendor_tools: VendorTools, out: Path, tmp_path: Path
) -> None:
    """A driver that dies before it has the result in its store loses nothing."""
    first = backend().build(PART, out)
    vendor_tools.forget()
    again = backend().build(PART, tmp_path / "again")
    assert vendor_tools.events("start") == []
    assert replace(again, artefacts={}) == replace(first, artefacts={})
    # A result that somebody damaged is none.
    (bitstream,) = (tmp_path / "cache" / "vivado").glob("*/result/overlay/part.bit")
    bitstream.write_bytes(b"")
    third = backend().build(PART, tmp_path / "third")
    assert vendor_tools.steps()["vivado", "bitstream", "top"] == 1
    assert third.artefacts["bitstream"].stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "step", "design"),
    [
        ("vitis_hls", "csynth", "conv1_MVAU_hls"),
        ("vivado", "package", "StreamingDataflowPartition_1"),
        ("vivado", "routing", "top"),
        ("vivado", "report", "top"),
    ],
)
def test_what_was_done_before_a_failure_is_not_done_again(
    tool: str, step: str, design: str, vendor_tools: VendorTools, out: Path
) -> None:
    vendor_tools.break_at(
        {"tool": tool, "step": step, "match": design, "kind": "licence", "calls": 99}
    )
    with pytest.raises(ToolError) as failed:
        backend().build(PART, out)
    assert failed.value.kind is FailureKind.LICENCE
    vendor_tools.break_at()
    backend().build(PART, out)
    twice = {name for name, count in vendor_tools.steps().items() if count > 1}
    assert {name for _, name, _ in twice if name == "csynth"} <= {step}
    if step == "routing":  # a run of Vivado's begins anew, what went before it does not
        assert not {name for _, name, _ in twice} & {"csynth", "export", "package"}


@pytest.mark.slow
def test_hls_runs_once_for_a_layer_of_two_parts(vendor_tools: VendorTools, tmp_path: Path) -> None:
    backend().build(PART, tmp_path / "first")
    backend().build(replace(PART, cut=Cut(0)), tmp_path / "second")
    counts = vendor_tools.steps()
    assert counts["vitis_hls", "csynth", "conv0_MVAU_hls"] == 1
    assert counts["vitis_hls", "csynth", "pool0_Pool_hls"] == 1


@pytest.mark.slow
def test_a_design_that_does_not_fit_is_a_result_of_synthesis(
    vendor_tools: VendorTools, out: Path
) -> None:
    vendor_tools.break_at(
        {
            **{"tool": "vivado", "step": "placement", "kind": "no_fit", "calls": 9},
            **{"resource": "Slice LUTs", "needed": 61233, "available": 53200},
        }
    )
    result = backend().build(PART, out)
    assert result.source is Source.VIVADO_SYNTH
    assert result.utilization is not None
    assert result.utilization.stage is Stage.SYNTHESISED
    assert result.synthesised is None
    assert result.implementation is not None
    assert result.implementation.misses == ("LUT: 61,233 of 53,200",)
    assert result.implementation.wns_ns is None
    assert "bitstream" not in result.artefacts


@pytest.mark.slow
@pytest.mark.parametrize(("mhz", "off"), [(99.999, False), (50.0, True), (104.0, True)])
def test_another_clock_than_the_one_asked_for_is_a_miss(
    vendor_tools: VendorTools, out: Path, mhz: float, off: bool
) -> None:
    fault = {"tool": "vivado", "step": "report", "kind": "other_clock", "mhz": mhz}
    vendor_tools.break_at({**fault, "calls": 9})
    said = backend().build(PART, out).implementation
    assert said is not None
    expected = (f"timing: clocked at {mhz:g} MHz in place of 100 MHz",)
    assert said.misses == (expected if off else ())


@pytest.mark.slow
def test_a_folder_of_dse_build_names_every_file(vendor_tools: VendorTools, tmp_path: Path) -> None:
    result = backend().build(PART, tmp_path / "built")
    record = SweepRecord(
        **{"network": "small", "network_sha256": PART.whole.sha256, "part": PART.name},
        **{"split": 1, "pool": "before", "source": Source.VIVADO_PLACED, "device": DEVICE},
        **{"clock_mhz": 100.0, "folding": "mine", "bytes_per_image": 8},
        utilization=result.utilization,
        cycles=result.cycles,
        slowest=result.slowest,
        implementation=result.implementation,
    )
    folder = tmp_path / "folder"
    written = backend().write_folder(PART, record, folder)
    facts = json.loads((folder / "part.json").read_text())
    assert facts["format"] == "split-dse/finn-part"
    assert facts["board"]["name"] == "Pynq-Z1"
    assert set(facts["files"]) == {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    } - {"part.json"}
    for name, digest in facts["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {path.name for path in written} >= {"part.bit", "part.hwh", "settings.json", "README.md"}
    assert "at 100 MHz" in (folder / "README.md").read_text()


def test_what_decides_the_result_is_in_the_key(vendor_tools: VendorTools, tmp_path: Path) -> None:
    plain = backend()
    preset = tmp_path / "preset.tcl"
    keys = {PART.key(plain), replace(PART, clock_mhz=50.0).key(plain)}
    for text in ("one", "two"):
        preset.write_text(text)
        board = replace(find_board("Pynq-Z1"), board_part=None, ps_preset=preset)
        keys.add(PART.key(VivadoBackend(board=board, measure_fifos=False)))
    keys.add(PART.key(VivadoBackend(board=find_board("Pynq-Z2"), measure_fifos=False)))
    keys.add(PART.key(VivadoBackend(board=find_board("Pynq-Z1"))))
    assert len(keys) == 6
    # What a run may take decides nothing.
    assert PART.key(VivadoBackend(board=find_board("Pynq-Z1"), measure_fifos=False, jobs=7)) in keys


def test_what_is_missing_is_said_in_one_line(
    vendor_tools: VendorTools, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = backend()
    ready.check()
    with pytest.raises(InputError, match=r"no files of avnet\.com:ultra96v1"):
        VivadoBackend(board=find_board("Ultra96")).check()
    with pytest.raises(BuildError, match=f"expected {find_board('Pynq-Z1').part} of Pynq-Z1"):
        ready.build(replace(PART, device="xc7z010clg400-1"), out)
    shutil.rmtree(vendor_tools.dependencies / "finn-hlslib")
    with pytest.raises(InputError, match=r"finn-hlslib is not there.*finn deps update") as missing:
        ready.check()
    assert len(str(missing.value).splitlines()) == 1
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("XILINX_VIVADO")
    with pytest.raises(InputError, match=r"not installed here: vivado.*estimate"):
        ready.check()


@pytest.mark.parametrize("variable", [CACHE_VARIABLE, "FINN_DEPS"])
@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("two words", "white space"),
        *((f"a{letter}b", letter) for letter in "{}$[]\"\\;'("),
    ],
)
def test_a_folder_that_no_script_can_name_is_refused_with_its_variable(
    name: str,
    letter: str,
    variable: str,
    vendor_tools: VendorTools,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = out / name
    shutil.copytree(vendor_tools.dependencies, folder)
    monkeypatch.setenv(variable, str(folder))
    with pytest.raises(InputError) as refused:
        backend().check()
    assert str(refused.value).startswith(f"{folder}")
    assert f"cannot take a folder with {letter} in its name" in str(refused.value)
    assert f"expected {variable} to name another folder" in str(refused.value)


def test_files_of_the_users_own_board_are_named_in_its_file(
    vendor_tools: VendorTools, tmp_path: Path
) -> None:
    known = find_board("Pynq-Z1")
    own = replace(known, name="Cora", board_part="digilentinc.com:cora-z7-10:part0:1.1")
    with pytest.raises(
        InputError, match=r'no files of digilentinc.*board_files = "…" in the board'
    ):
        VivadoBackend(board=own, measure_fifos=False).check()
    # FINN's own boards are fetched.
    with pytest.raises(InputError, match="finn deps update"):
        VivadoBackend(board=find_board("Ultra96"), measure_fifos=False).check()
    # What the files say counts, whatever their folder is called.
    (tmp_path / "mine" / "A.0").mkdir(parents=True)
    (tmp_path / "mine" / "A.0" / "board.xml").write_text('<board name="cora-z7-10"/>\n')
    own = replace(own, board_files=tmp_path)
    VivadoBackend(board=own, measure_fifos=False).check()


@pytest.mark.parametrize(
    ("release", "hls", "remark"),
    [
        ("2022.2", "vitis_hls", None),
        ("2024.2", "vitis_hls", None),
        ("2025.1", "vitis-run", "Vivado 2025.1 is not among those that finn-plus supports"),
    ],
)
def test_the_release_decides_the_tool_for_hls(
    release: str, hls: str, remark: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = install(tmp_path / "tools", ("vivado", "vitis_hls", "vitis-run"), release)
    for name, value in tools.variables.items():
        monkeypatch.setenv(name, value)
    found = find_installation()
    assert (found.release, found.hls) == (release, hls)
    assert (release_remark(release) or "").startswith(remark or "")
    assert (release_remark(release) is None) == (remark is None)
    assert backend().tool_versions()["vivado"] == release


@pytest.mark.slow
@pytest.mark.parametrize("release", ["2024.2", "2025.1"])
def test_a_later_release_builds_with_its_own_tools(
    release: str, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = install(tmp_path / "tools", ("vivado", "vitis_hls", "vitis-run"), release)
    for name, value in tools.variables.items():
        monkeypatch.setenv(name, value)
    result = backend().build(PART, out)
    assert result.utilization is not None
    assert result.utilization.tool_version == release
    used = {tool for tool, step, _ in tools.steps() if step == "csynth"}
    assert used == {find_installation().hls}


@pytest.mark.slow
def test_layers_of_several_parts_go_through_hls_before_them(
    vendor_tools: VendorTools, tmp_path: Path
) -> None:
    """The code of a layer alone is the very code of it in a part: no HLS is left for the parts but
    that of their own DMA and of what they alone have."""
    whole = replace(PART, name=PartName.WHOLE, cut=None)
    points = [whole, PART, replace(PART, name=PartName.SECOND)]
    steps = backend().shared_steps(points)
    assert {step.name: set(step.needed_by) for step in steps} == {
        "conv0: HLS": {0, 1},
        "pool0: HLS": {0, 1},
        "conv1: HLS": {0, 1},
        "dense2: HLS": {0, 2},
    }
    assert steps[0].name == "dense2: HLS"  # of the most multipliers
    for step in (*steps, *steps):
        step.function(*step.arguments)
    before = {design for _, name, design in vendor_tools.steps() if name == "csynth"}
    assert before == {"conv0_MVAU_hls", "pool0_Pool_hls", "conv1_MVAU_hls", "dense2_MVAU_hls"}
    for number, point in enumerate(points):
        backend().build(point, tmp_path / str(number))
    counts = vendor_tools.steps()
    assert all(counts["vitis_hls", "csynth", design] == 1 for design in before)
    after = {design for _, name, design in counts if name == "csynth"} - before
    assert after == {"input_IODMA_hls", "output_IODMA_hls"}


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", ["Pynq-Z1", "ZCU104"])
def test_any_board_is_built_for(
    name: str, own: bool, vendor_tools: VendorTools, tmp_path: Path, out: Path
) -> None:
    """A board of FINN's, and one like it that FINN does not know, set up by a preset."""
    board = find_board(name)
    if own:
        preset = tmp_path / "preset.tcl"
        preset.write_text("proc apply_preset {cell} { return [dict create CONFIG.SOME_PIN 1] }\n")
        board = replace(board, name="Mine", board_part=None, ps_preset=preset)
    chosen = backend()
    chosen.board = board
    result = chosen.build(replace(PART, device=board.part), out)
    assert result.utilization is not None
    assert result.utilization.device == board.part
    ports = {words[-1] for words in vendor_tools.commands("connect_bd_intf_net")}
    assert ports & {"/zynq_ps/S_AXI_HP0", "/zynq_ps/S_AXI_HP0_FPD"}
    settings = [" ".join(words) for words in vendor_tools.commands("set_property")]
    assert bool([line for line in settings if "CONFIG.SOME_PIN 1" in line]) is own
