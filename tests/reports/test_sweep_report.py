"""All files of a sweep: complete, the same bytes every time, and light to import."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

import reports
from dse.errors import InputError, OutputError
from reports.figure_growth import growth_series
from reports.figure_parts import convolution_split, part_entries
from reports.sweep_record import PartName
from reports.table import build_table
from reports.utilization import Source
from tests.reports.plausible import plausible_sweep
from tests.reports.test_writers import sweep

NAMES = [
    "table1.csv",
    "table1.json",
    "table1.md",
    "table1.tex",
    "fig4a.svg",
    "fig4a.png",
    "fig4b.svg",
    "fig4b.png",
    "report.html",
]


def test_same_records_same_bytes(tmp_path: Path) -> None:
    records = sweep()
    paths = reports.write_sweep_report(records, tmp_path / "one")
    assert [path.name for path in paths] == NAMES
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(NAMES)
    # In another process and order: nothing hangs on hashing, identities or what ran before.
    random.Random(2).shuffle(records)
    script = (
        "import random, reports; from pathlib import Path;"
        "from tests.reports.test_writers import sweep; records = sweep();"
        "random.Random(2).shuffle(records);"
        f"reports.write_sweep_report(records, Path({str(tmp_path / 'two')!r}))"
    )
    root = Path(reports.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root)
    for path in paths:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    "records",
    [
        [record for record in plausible_sweep() if record.split == 8],
        [record for record in plausible_sweep() if record.part is PartName.WHOLE],
        [record for record in plausible_sweep() if record.pool == "after"],
        [record for record in sweep() if record.split == 2 and record.part is PartName.FIRST],
        plausible_sweep(device="xcvu9p"),
        plausible_sweep() + plausible_sweep(source=Source.YOSYS),
    ],
    ids=["last split", "whole", "pool after", "failed alone", "unknown device", "two tools"],
)
def test_any_records_make_readable_files(records: list, tmp_path: Path) -> None:
    for path in reports.write_sweep_report(records, tmp_path):
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        elif path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.size[0] == 1280
                assert len(picture.convert("L").getcolors() or []) > 1
        assert b"dc:date" not in path.read_bytes()


def test_unknown_is_not_drawn() -> None:
    table = build_table(sweep())
    assert {share for _, share in growth_series(table, "ff", Source.FINN_ESTIMATE)} == {None}
    bram = dict(growth_series(table, "bram", Source.FINN_ESTIMATE))
    assert bram[2] is None
    assert bram[0] == 0
    assert bram[3] == pytest.approx(100 * 31 / 140)
    assert sorted(bram) == list(range(9))
    assert dict(growth_series(table, "bram", Source.PAPER))[5] == 88.93


def test_parts_of_the_network() -> None:
    table = build_table(plausible_sweep())
    assert convolution_split(table) == 5
    assert list(part_entries(table, Source.FINN_ESTIMATE)) == [
        PartName.WHOLE,
        PartName.FIRST,
        PartName.SECOND,
    ]
    assert list(part_entries(table, Source.PAPER)) == [PartName.WHOLE, PartName.FIRST]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no design point"):
        reports.write_sweep_report([], tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        reports.write_sweep_report(plausible_sweep(), tmp_path / "file")


def test_importing_and_printing_stay_light() -> None:
    script = (
        "import sys, reports, reports.terminal, reports.record_file;"
        "heavy = {'pandas', 'matplotlib', 'numpy', 'pydantic', 'jinja2', 'rich', 'torch', 'finn'};"
        "print(sorted(heavy & set(sys.modules)));"
        "from tests.reports.plausible import plausible_sweep; from rich.console import Console;"
        "reports.terminal.print_table(plausible_sweep(), Console(file=sys.stderr));"
        "print(sorted({'pandas', 'matplotlib', 'numpy', 'torch', 'finn'} & set(sys.modules)))"
    )
    root = Path(reports.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=root, capture_output=True, text=True
    )
    assert ran.stdout.split("\n")[:2] == ["[]", "[]"]
