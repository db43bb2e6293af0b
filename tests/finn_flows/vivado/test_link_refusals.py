"""The fake v++ refuses what a real one would: else a wrong link configuration would pass here."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.fakes.vendor_tools import PLATFORMS, VITIS, VendorTools, install

_SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
MEMORY = ("m_axi_gmem0", "Master", "aximm", 64)
GOOD = """\
[connectivity]
nk=reader:1:idma_0
nk=layers:1:middle
nk=writer:1:odma_0
sc=idma_0.m_axis_0:middle.s_axis_0
sc=middle.m_axis_0:odma_0.s_axis_0
sp=idma_0.m_axi_gmem0:DDR[0]
sp=odma_0.m_axi_gmem0:DDR[1]

[vivado]
"""
KERNELS = {
    "reader": [MEMORY, ("m_axis_0", "Master", "axis", 64)],
    "layers": [("s_axis_0", "Slave", "axis", 64), ("m_axis_0", "Master", "axis", 32)],
    "writer": [MEMORY, ("s_axis_0", "Slave", "axis", 32)],
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> VendorTools:
    return install(tmp_path_factory.mktemp("vendor"), VITIS)


def link(tools: VendorTools, folder: Path, configuration: str, **options: str) -> tuple[int, str]:
    for name, ports in KERNELS.items():
        buses = "".join(
            f'<s:busInterface name="{port}" mode="{mode}" kind="{kind}" width="{width}" '
            'protocol=""/>'
            for port, mode, kind, width in ports
        )
        identity = "".join(
            f"<s:{key}>{value}</s:{key}>"
            for key, value in (
                *(("vendor", "xilinx_finn"), ("library", "finn")),
                *(("name", name), ("version", "1.0")),
            )
        )
        with zipfile.ZipFile(folder / f"{name}.xo", "w") as archive:
            text = f'<s:component xmlns:s="{_SPIRIT}">{identity}{buses}</s:component>'
            archive.writestr(f"{name}/component.xml", text)
    (folder / "config.txt").write_text(configuration)
    asked = {"target": "hw", "platform": PLATFORMS[0], "kernel_frequency": "200", **options}
    words = [word for name, value in asked.items() for word in (f"--{name}", value)]
    inputs = [f"{name}.xo" for name in KERNELS]
    run = tools.run("v++", "--link", *inputs, "--config", "config.txt", *words, folder=folder)
    return run.code, run.output


def test_a_right_link_makes_an_xclbin(tools: VendorTools, tmp_path: Path) -> None:
    code, output = link(tools, tmp_path, GOOD)
    assert code == 0, output
    assert "Run vpl: Step impl: Completed" in output
    assert (tmp_path / "a.xclbin").is_file()
    assert "Achieved Freq:  200 MHz" in (tmp_path / "a.xclbin.info").read_text()
    assert (tmp_path / "_x/link/vivado/vpl/prj/prj.xpr").is_file()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nk=layers:1:middle\n", "", "kernel layers has no compute unit"),
        ("nk=layers:1:middle", "nk=layer:1:middle", "kernel layer is in no .xo"),
        ("odma_0.s_axis_0", "odma_0.s_axis_1", "no port odma_0.s_axis_1"),
        ("sc=middle.m_axis_0:odma_0.s_axis_0\n", "", "middle.m_axis_0 is connected to nothing"),
        (
            "sc=idma_0.m_axis_0:middle.s_axis_0\nsc=middle.m_axis_0:odma_0.s_axis_0",
            "sc=idma_0.m_axis_0:odma_0.s_axis_0",
            "widths differ",
        ),
        (
            "idma_0.m_axis_0:middle.s_axis_0",
            "middle.s_axis_0:idma_0.m_axis_0",
            "is no stream that way round",
        ),
        ("DDR[1]", "DDR[4]", "no memory DDR[4]"),
        ("DDR[0]", "HBM[0]", "no memory HBM[0]"),
        ("sp=idma_0.m_axi_gmem0", "sp=idma_0.m_axis_0", "does not read memory"),
        ("[vivado]", "[vivado]\nnk=layers:1:again", "unrecognised line"),
    ],
)
def test_a_wrong_configuration_is_refused(
    tools: VendorTools, tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    code, output = link(tools, tmp_path, GOOD.replace(old, new))
    assert code != 0
    assert said in output
    assert not (tmp_path / "a.xclbin").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("kernel_frequency", "142.5", "whole MHz"),
        ("platform", "xilinx_u200_none", "No valid platform"),
        ("config", "none.txt", "No such file"),
        ("frequency", "100", "unrecognised option"),
    ],
)
def test_a_wrong_command_is_refused(
    tools: VendorTools, tmp_path: Path, option: str, value: str, said: str
) -> None:
    code, output = link(tools, tmp_path, GOOD, **{option: value})
    assert code != 0
    assert said in output
