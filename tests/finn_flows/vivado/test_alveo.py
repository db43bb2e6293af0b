"""A part for an Alveo card: kernels, their link, and what goes wrong in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dse.errors import BuildError, InputError
from finn_flows.backends.interface import Part
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vivado.alveo_reports import achieved_mhz
from finn_flows.vivado.board import AlveoBoard, find_board
from reports.missed_goals import missed_words
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Scope, Source, Stage
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VITIS, VendorTools, install
from tests.finn_flows.vivado.parts import LIMITS, part_of

CARD = "U250"
DEVICE = "xcu250-figd2104-2L-e"
PART = Part(small_network(), PartName.FIRST, Cut(0), small_folding("card"), DEVICE, 200.0)


def backend(limits: Limits = LIMITS) -> VivadoBackend:
    return VivadoBackend(board=find_board(CARD), limits=limits, jobs=2, measure_fifos=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def tools(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorTools]:
    installed = install(tmp_path_factory.mktemp("vendor"), VITIS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in installed.variables.items():
            patch.setenv(name, value)
        yield installed


def test_every_card_of_finn_is_known() -> None:
    from finn.util.basic import alveo_default_platform, alveo_part_map

    for name, part in alveo_part_map.items():
        card = find_board(name.lower())
        assert isinstance(card, AlveoBoard)
        assert (card.part, card.platform) == (part, alveo_default_platform[name])
        assert card.port_bits == 512


def test_a_card_of_a_file_names_its_platform_and_memory(tmp_path: Path) -> None:
    text = (
        '[board.Mine]\npart = "xcu250-figd2104-2L-e"\nprocessor = "alveo"\n'
        'platform = "/opt/mine.xpfm"\nmemory = "DDR"\nclock = 250\n'
    )
    file = tmp_path / "boards.toml"
    file.write_text(text)
    card = find_board("Mine", file)
    assert isinstance(card, AlveoBoard)
    assert (card.platform, card.memory, card.clock_mhz) == ("/opt/mine.xpfm", "DDR", 250)
    for old, new, said in (
        ('memory = "DDR"\n', "", "has a platform and a memory"),
        ("clock = 250", "port_bits = 64", "shell is its platform"),
        ('"alveo"', '"zynq-7000"\nps_preset = "p.tcl"', "are of an Alveo card"),
    ):
        file.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=said):
            find_board("Mine", file)


def test_what_a_link_lacks_is_said_in_one_line(
    tools: VendorTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = backend()
    ready.check()
    with pytest.raises(BuildError, match="expected whole MHz"):
        ready.build(replace(PART, clock_mhz=142.5), tmp_path)
    ready.board = find_board("U200")
    with pytest.raises(InputError, match=r"platform of U200.*not installed.*xilinx_u250") as said:
        ready.check()
    assert "\n" not in str(said.value)
    zynq = install(tmp_path / "zynq")
    for name, value in zynq.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XILINX_VITIS", raising=False)
    with pytest.raises(InputError, match=r"not installed here: v\+\+.*estimate") as said:
        backend().check()
    assert "\n" not in str(said.value)
    VivadoBackend(board=find_board("ZCU104")).check()


def test_the_clock_of_a_link_is_the_one_achieved(tmp_path: Path) -> None:
    file = tmp_path / "a.xclbin.info"
    assert achieved_mhz(file) is None
    file.write_text(
        "Clocks\n   Name:      DATA_CLK\n   Frequency: 300 MHz\nSystem Clocks\n"
        "   Name:           ulp_ucs_aclk_kernel_01\n   Achieved Freq:  500 MHz\n"
        "   Name:           ulp_ucs_aclk_kernel_00\n   Type:           SCALABLE\n"
        "   Requested Freq: 225 MHz\n   Achieved Freq:  221.5 MHz\n"
    )
    assert achieved_mhz(file) == 221.5


@pytest.mark.slow
def test_a_part_is_linked_into_its_card(tools: VendorTools, cache: Path, tmp_path: Path) -> None:
    shutil.rmtree(cache / "vivado", ignore_errors=True)
    tools.forget()
    result = backend().build(PART, tmp_path)
    (link,) = tools.events("link")
    # Memory, DMA, layers, DMA, memory: in this order, at this clock.
    assert (link["mhz"], link["part"]) == (200, DEVICE)
    units = {unit: kernel for kernel, unit in link["nk"]}
    (layers,) = set(units) - {"idma_0", "odma_0"}
    assert link["sc"] == [
        ["idma_0.m_axis_0", f"{layers}.s_axis_0"],
        [f"{layers}.m_axis_0", "odma_0.s_axis_0"],
    ]
    assert link["sp"] == [["idma_0.m_axi_gmem0", "DDR[0]"], ["odma_0.m_axi_gmem0", "DDR[1]"]]
    # Synthesis is of the kernels alone, what is placed has the platform with it.
    assert (result.source, result.utilization.scope) == (Source.VIVADO_PLACED, Scope.WITH_SHELL)
    assert result.utilization.stage is Stage.PLACED
    assert result.synthesised.scope is Scope.OUT_OF_CONTEXT
    assert 0 < result.synthesised.lut < result.utilization.lut
    assert result.implementation.misses == ()
    assert result.implementation.wns_ns > 0
    assert result.implementation.power_w > 0
    assert set(result.artefacts) == {"xclbin", "driver", "build"}
    assert (tmp_path / "overlay/part.xclbin").read_bytes().startswith(b"xclbin2")
    settings = json.loads((tmp_path / "driver/settings.json").read_text())["driver_information"]
    assert settings["platform"] == "alveo"
    shapes = settings["io_shape_dict"]
    assert (shapes["idma_names"], shapes["odma_names"]) == (["idma_0"], ["odma_0"])
    before = tools.steps()
    assert backend().build(PART, tmp_path / "again").utilization == result.utilization
    assert tools.steps() == before

    record = SweepRecord(
        **{"network": "small", "network_sha256": PART.whole.sha256, "part": PART.name},
        **{"split": 0, "pool": "before", "source": result.source, "device": DEVICE},
        **{"clock_mhz": 200.0, "folding": "card", "bytes_per_image": 8},
        utilization=result.utilization,
        implementation=result.implementation,
    )
    backend().write_folder(PART, record, tmp_path / "folder")
    facts = json.loads((tmp_path / "folder/part.json").read_text())
    assert facts["format"] == "split-dse/alveo-part"
    assert facts["bitstream"]
    assert facts["board"]["platform"] == find_board(CARD).platform
    assert "overlay/part.xclbin" in facts["files"]
    text = (tmp_path / "folder/README.md").read_text()
    assert "with all of the platform" in text
    assert "part.bit" not in text


def _unlink(cache: Path) -> None:
    shutil.rmtree(cache / "vivado", ignore_errors=True)


FAULTS = [
    ("v++", "placement", "memory_message", FailureKind.OUT_OF_MEMORY, {"calls": 9}),
    ("v++", "routing", "abnormal", FailureKind.CRASH, {"calls": 9}),
    ("v++", "synthesis", "hang", FailureKind.OUT_OF_TIME, {}),
    ("v++", "routing", "system_clock", FailureKind.TIMING, {}),
    ("v++", "start", "licence", FailureKind.LICENCE, {}),
    ("v++", "bitstream", "missing_output", FailureKind.DAMAGED_RESULT, {}),
    ("vivado", "xo", "missing_output", FailureKind.DAMAGED_RESULT, {}),
    ("vivado", "report", "other_device", FailureKind.DAMAGED_RESULT, {"call": 7}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "step", "kind", "expected", "more"), FAULTS)
def test_a_fault_is_named_and_the_build_goes_on(
    tools: VendorTools,
    cache: Path,
    tmp_path: Path,
    tool: str,
    step: str,
    kind: str,
    expected: FailureKind,
    more: dict[str, int],
) -> None:
    _unlink(cache)
    tools.forget()
    tools.break_at({"tool": tool, "step": step, "kind": kind, **more})
    limits = Limits(seconds=2.0) if kind == "hang" else LIMITS
    with pytest.raises(ToolError) as failed:
        backend(limits).build(PART, tmp_path)
    assert failed.value.kind is expected, str(failed.value)
    assert "\n" not in str(failed.value)
    tools.assert_no_process_is_left()
    stitched = tools.steps()
    tools.forget()
    result = backend().build(PART, tmp_path)
    assert result.implementation.misses == ()
    if tool == "v++":
        assert not any(name == "xo" for _, name, _ in tools.steps())
        assert any(name == "xo" for _, name, _ in stitched)


@pytest.mark.slow
def test_a_clock_that_was_scaled_down_is_a_miss(
    tools: VendorTools, cache: Path, tmp_path: Path
) -> None:
    _unlink(cache)
    tools.break_at({"tool": "v++", "step": "routing", "kind": "timing", "wns": -0.5})
    result = backend().build(PART, tmp_path)
    assert result.source is Source.VIVADO_PLACED
    assert result.implementation.misses == (
        "timing: WNS -0.500 ns at 200 MHz",
        "timing: scaled down to 181.8 of 200 MHz",
    )
    assert "scaled down to 181.8 of 200 MHz" in missed_words(result.implementation)
    _unlink(cache)


@pytest.mark.slow
def test_what_does_not_fit_has_the_counts_of_its_kernels(
    tools: VendorTools, cache: Path, tmp_path: Path
) -> None:
    _unlink(cache)
    fault = {"tool": "v++", "step": "placement", "kind": "no_fit", "resource": "CLB LUTs"}
    tools.break_at({**fault, "needed": 2000000, "available": 1728000})
    result = backend().build(PART, tmp_path)
    assert result.source is Source.VIVADO_SYNTH
    assert result.utilization.scope is Scope.OUT_OF_CONTEXT
    assert result.implementation.misses == ("LUT: 2,000,000 of 1,728,000",)
    assert not (tmp_path / "overlay/part.xclbin").exists()
    _unlink(cache)


@pytest.mark.slow
def test_a_split_of_the_shipped_network_is_linked_with_hbm(
    tools: VendorTools, cache: Path, tmp_path: Path
) -> None:
    tools.forget()
    board = find_board("U55C")
    part = replace(part_of(Cut(5), PartName.SECOND, 300.0), device=board.part)
    result = VivadoBackend(board=board, limits=LIMITS, measure_fifos=False).build(part, tmp_path)
    (link,) = tools.events("link")
    assert [bank for _, bank in link["sp"]] == ["HBM[0]", "HBM[1]"]
    assert link["mhz"] == 300
    assert result.utilization is not None
    assert (tmp_path / "overlay/part.xclbin").is_file()
