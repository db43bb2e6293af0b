"""table1.tex in a real document: pdfLaTeX accepts it, it fits the text, and it reads as Table I."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.sweep_record import SweepRecord
from reports.table import build_table
from reports.utilization import Source
from reports.vendor_records import expanded
from reports.write_latex import table_as_latex
from tests.reports.plausible import plausible_sweep
from tests.reports.test_writers import sweep
from tests.reports.vendor_sweep import vendor_builds

TOOLS = ("pdflatex", "pdftotext")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
if not MISSING and subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).returncode:
    MISSING.append("booktabs.sty")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

DOCUMENT = r"""
\documentclass[a4paper%s]{article}
\usepackage{booktabs,graphicx}
\typeout{LEFT \the\dimexpr 1in+\hoffset+\oddsidemargin}
\typeout{RIGHT \the\dimexpr 1in+\hoffset+\oddsidemargin+\textwidth}
\begin{document}
%s
\end{document}
"""
ALONE = r"\begin{table%s}\def\tableoneonly{}\input{table1}\end{table%s}"

SWEEPS = {
    "all built": plausible_sweep(),
    "one failed": sweep(),
    "failed with é, Δ and 山": sweep("é Δ 山 \\input{x} " + "very long " * 30),
    "three tools": sweep() + plausible_sweep(source=Source.YOSYS) + list(expanded(vendor_builds())),
    "unknown device": plausible_sweep(device="xcvu9p"),
    "whole network": [record for record in plausible_sweep() if record.split is None],
}


def typeset(records: list[SweepRecord], body: str, folder: Path, options: str = "") -> str:
    """The log of pdfLaTeX on a document with ``body``; leaves paper.pdf in ``folder``."""
    (folder / "table1.tex").write_text(table_as_latex(build_table(records)), encoding="utf-8")
    (folder / "paper.tex").write_text(DOCUMENT % (options, body), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    ran = subprocess.run(
        [*command, "paper.tex"],
        cwd=folder,
        # Fonts that TeX draws on the way stay out of the user's home.
        env=os.environ | {"TEXMFVAR": str(folder), "TEXMFHOME": str(folder)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    return (folder / "paper.log").read_text(encoding="utf-8", errors="replace")


def text_of(folder: Path, *options: str) -> str:
    """What stands in paper.pdf."""
    ran = subprocess.run(
        ["pdftotext", *options, "paper.pdf", "-"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout


def check_width(log: str, folder: Path) -> None:
    """No word stands outside the text; a mark of a note may hang over by its own width."""
    edges = {
        name: float(points) * 72 / 72.27  # TeX's points are smaller than a PDF's
        for name, points in re.findall(r"(LEFT|RIGHT) ([\d.]+)pt", log.replace("\n", ""))
    }
    boxes = re.findall(r'xMin="([\d.]+)".*?xMax="([\d.]+)"', text_of(folder, "-bbox"))
    assert len(boxes) > 20
    assert min(float(left) for left, _ in boxes) >= edges["LEFT"] - 0.5
    assert max(float(right) for _, right in boxes) <= edges["RIGHT"] + 5


@pytest.mark.parametrize("records", SWEEPS.values(), ids=SWEEPS.keys())
def test_everything_compiles_and_fits_the_text(records: list[SweepRecord], tmp_path: Path) -> None:
    log = typeset(records, r"\input{table1}", tmp_path)
    assert "Overfull" not in log.replace("\n", "")
    check_width(log, tmp_path)


@pytest.mark.parametrize(
    ("options", "star"), [("", ""), (",twocolumn", "*")], ids=["one column", "over two columns"]
)
def test_table_1_alone_reads_as_in_the_paper(options: str, star: str, tmp_path: Path) -> None:
    log = typeset(plausible_sweep(), ALONE % (star, star), tmp_path, options)
    check_width(log, tmp_path)
    lines = [" ".join(line.split()) for line in text_of(tmp_path, "-layout").splitlines()]
    assert "LUT LUTRAM FF BRAM DSP" in lines
    assert "5 58.35 42.27 28.17 44.62 88.93 73.21 14.55 0.00" in lines
    assert "whole 70.12 44.25 42.74 48.30 100.00 86.07 14.55 0.00" in lines
    split_rows = [line for line in lines if re.match(r"\d [\d.]+", line)]
    assert [line[0] for line in split_rows] == list("012345678")
    everything = " ".join(lines)
    assert "finn-estimate does not count LUTRAM, FF: blank, not zero" in everything
    # What belongs to other tables stays away.
    assert "Cycles" not in everything
    assert "images/s" not in everything
