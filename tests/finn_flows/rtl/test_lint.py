"""The library is free of lint, whatever parameters choose to generate."""

from __future__ import annotations

import re

import pytest

from tests.finn_flows.rtl.stream_bench import library, verilate

#: Parameters other than a module's own defaults, that choose its other branches.
VARIANTS = {
    "fifo": ("-GDEPTH=2", "-GDEPTH=3", '-GRAM_STYLE="block"', '-GRAM_STYLE="registers"'),
    "dwc": ("-GIN_WIDTH=13", "-GIN_WIDTH=32", "-GOUT_WIDTH=24"),
    "packer": ("-GIN_WIDTH=24", "-GELEMENTS=3", "-GIN_WIDTH=65"),
    "unpacker": ("-GOUT_WIDTH=24", "-GELEMENTS=3", "-GOUT_WIDTH=65"),
    "mvau": (
        *("-GTHRESHOLDS=0", "-GTHRESHOLDS=15", "-GPE=4", "-GSIMD=1", "-GMH=16"),
        *('-GWEIGHT_RAM_STYLE="distributed"', '-GINPUT_RAM_STYLE="block"'),
        *("-GBIPOLAR_WEIGHTS=1 -GWEIGHT_WIDTH=1", "-GACTIVATION_WIDTH=8", "-GWEIGHT_WIDTH=4"),
        *("-GNARROW_ACTIVATIONS=1 -GNARROW_WEIGHTS=1", "-GMW=16 -GMH=64 -GPE=64"),
    ),
    "maxpool": ("-GPE=64", "-GWIDTH=29", "-GKERNEL=3", "-GSIGNED=0"),
    "window_max": ("-GPE=64", "-GWINDOW=1"),
    "axilite_configuration": (),
    "transfer_end": (),
}


@pytest.mark.parametrize(
    ("module", "variant"),
    [(module, variant) for module in VARIANTS for variant in ("", *VARIANTS[module])],
)
def test_no_lint(module: str, variant: str) -> None:
    # A degenerate variant may leave a signal without a use.
    unused = ["-Wno-UNUSEDSIGNAL"] if variant else []
    top = ["--top-module", module, *variant.split()]
    done = verilate("--lint-only", "-Wall", *unused, *top, *library())
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


def test_every_module_is_a_file_and_used() -> None:
    text = {path.stem: path.read_text() for path in library()}
    for name, content in text.items():
        assert len(re.findall(rf"^module {name}\b", content, re.MULTILINE)) == 1
        assert len(re.findall(r"^module ", content, re.MULTILINE)) == 1
    used = {
        other
        for name, content in text.items()
        for other in text
        if other != name and re.search(rf"^\s+{other} #\(", content, re.MULTILINE)
    }
    assert set(text) - used == set(VARIANTS)
