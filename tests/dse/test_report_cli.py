"""``dse report FILE...``."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from dse.cli import main
from tests.reports import report_texts as texts
from tests.reports.test_readers_forms import ALL


def dse(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_json_is_a_list_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = []
    for text in reversed(list(ALL.values())):
        # Nothing in a name: the kind is told by content.
        files.append(tmp_path / f"file_{len(files)}")
        files[-1].write_text(text)
    result = dse("report", "--json", *files)
    assert result.exit_code == 0
    reports = json.loads(result.stdout)
    assert [Path(report["file"]) for report in reports] == files
    kinds = [report["kind"] for report in reports]
    assert kinds == [
        "hls synthesis",
        "hls synthesis",
        "power",
        "timing summary",
        "accelerator utilization",
        "utilization by hierarchy",
        "utilization",
        "utilization",
    ]
    flat = reports[-1]
    assert flat["used"]["bram"] == 74.5
    assert flat["used"]["uram"] is None
    assert flat["available"]["lutram"] == 17400
    assert reports[3]["wns"] == 3.856
    assert reports[2]["total"] == 1.68
    assert reports[0]["latency_worst"] == 679


def test_two_reports_in_a_file_are_two_of_the_list(tmp_path: Path) -> None:
    file = tmp_path / "both"
    file.write_text(texts.flat() + texts.power())
    assert len(json.loads(dse("report", "--json", file).stdout)) == 2


def test_text_shows_percent_of_the_device_and_unknown_as_a_dash(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text(texts.flat())
    output = dse("report", file).output
    row = next(line for line in output.splitlines() if " LUT " in line)
    assert "38,660" in row
    assert "72.67" in row
    assert "–" in next(line for line in output.splitlines() if "URAM" in line)


def test_a_damaged_file_is_one_line_and_nothing_is_printed(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(texts.flat())
    bad.write_text(texts.flat()[:2000])
    for arguments in ((good, bad), ("--json", good, bad)):
        result = dse("report", *arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert str(bad) in result.stderr


def test_files_or_a_folder(tmp_path: Path) -> None:
    assert dse("report").exit_code == 2
    assert dse("report", "a.rpt", "--import", tmp_path).exit_code == 2
