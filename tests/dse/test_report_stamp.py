"""Reports count as current only while neither they nor anything they are made from has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse import report_stamp
from dse.report_stamp import STAMP_FILE, current_reports, report_inputs, stamp_reports


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with two reports, stamped as made from ``inputs``."""
    written = [tmp_path / "table1.csv", tmp_path / "fig4a.svg"]
    for path in written:
        path.write_text(path.name)
    stamp_reports(tmp_path, "inputs", written)
    return tmp_path


def test_untouched_reports_are_current(out: Path) -> None:
    assert current_reports(out, "inputs") == [out / "fig4a.svg", out / "table1.csv"]
    assert current_reports(out, "other inputs") is None
    assert current_reports(out / "elsewhere", "inputs") is None


def test_a_changed_or_missing_report_is_not_current(out: Path) -> None:
    (out / "table1.csv").write_text("edited")
    assert current_reports(out, "inputs") is None
    (out / "table1.csv").write_text("table1.csv")
    assert current_reports(out, "inputs") is not None
    (out / "fig4a.svg").unlink()
    assert current_reports(out, "inputs") is None


@pytest.mark.parametrize("damage", ["", "{}", "[]", "null", '{"format": 3}', "\udcff"])
def test_a_damaged_stamp_counts_as_none(out: Path, damage: str) -> None:
    whole = (out / STAMP_FILE).read_text()
    (out / STAMP_FILE).write_bytes(damage.encode(errors="surrogateescape"))
    assert current_reports(out, "inputs") is None
    (out / STAMP_FILE).write_text(whole.replace('"files": {', '"files": [').replace("}\n}", "]\n}"))
    assert current_reports(out, "inputs") is None


def test_records_writers_and_libraries_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "reports"
    (package / "templates").mkdir(parents=True)
    (package / "table.py").write_text("1")
    monkeypatch.setattr(report_stamp, "files", lambda _name: package)
    seen = {report_inputs("records"), report_inputs("other records")}
    (package / "table.py").write_text("2")
    seen.add(report_inputs("records"))
    (package / "templates" / "table.tex").write_text("")
    seen.add(report_inputs("records"))
    (package / "table.pyc").write_text("")
    assert report_inputs("records") in seen
    monkeypatch.setattr(report_stamp, "version", lambda name: "other")
    seen.add(report_inputs("records"))
    assert len(seen) == 5
