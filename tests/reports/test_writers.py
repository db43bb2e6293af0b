"""The files of a table: well formed, deterministic, faithful, and blank where nothing is known."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.sweep_record import PartName, SweepRecord
from reports.table import build_table
from reports.utilization import RESOURCES, Source
from reports.write_csv import table_as_csv
from reports.write_json import table_as_data, table_as_json
from reports.write_latex import escape_latex, table_as_latex
from reports.write_markdown import escape_markdown, table_as_markdown
from tests.reports.plausible import plausible_sweep

ERROR = "node MVAU_hls_2 | SIMD 5 does not divide 64 & costs 100% [of $x] {y} #1 <b> ~^\\"
GOLDEN = Path(__file__).parents[1] / "golden" / "reports"


def sweep(error: str = ERROR) -> list[SweepRecord]:
    """The made-up sweep with split 2's first part failed."""
    records = plausible_sweep()
    for position, record in enumerate(records):
        if record.split == 2 and record.part is PartName.FIRST:
            records[position] = replace(
                record, utilization=None, cycles=None, slowest=None, layers=(), error=error
            )
    return records


def small_sweep() -> list[SweepRecord]:
    """Splits 1 and 3 and the whole network."""
    return [record for record in plausible_sweep() if record.split in (1, 3, None)]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("table1.csv", table_as_csv),
        ("table1.json", table_as_json),
        ("table1.md", table_as_markdown),
        ("table1.tex", table_as_latex),
    ],
)
def test_golden_files(name: str, write) -> None:  # type: ignore[no-untyped-def]
    # To renew after a change that is meant: python -m tests.reports.renew_golden
    assert write(build_table(small_sweep())) == (GOLDEN / name).read_text(encoding="utf-8")


def test_csv_has_each_source_in_columns_of_its_own() -> None:
    lines = list(csv.DictReader(io.StringIO(table_as_csv(build_table(sweep())))))
    assert len(lines) == 23
    by_place = {(line["split"], line["pool"], line["part"]): line for line in lines}
    third = by_place["3", "before", "first"]
    assert third["paper.bram.percent"] == "26.7900"
    assert third["paper.bram.used"] == "37.5"
    assert third["paper.used_derived"] == "true"
    assert third["finn-estimate.bram.used"] == "31"
    assert third["finn-estimate.pipeline.initiation_interval"] == "115200"
    assert third["bytes_per_image"] == "800"
    second = by_place["2", "before", "first"]
    assert second["finn-estimate.status"] == "failed"
    assert second["finn-estimate.error"] == ERROR
    assert second["finn-estimate.lut.used"] == ""
    for line in lines:
        for resource in ("ff", "lutram", "uram", "lut_as_logic"):
            assert line[f"finn-estimate.{resource}.used"] == ""
            assert line[f"finn-estimate.{resource}.percent"] == ""
    assert by_place["", "", "whole"]["paper.lut.used"] == "37302"


def test_json_says_everything_and_null_is_not_zero() -> None:
    data = json.loads(table_as_json(build_table(sweep())))
    assert data["format"] == "split-dse/table1"
    assert set(data["sources"]) == {"paper", "finn-estimate"}
    assert len(data["entries"]) == 23 + 7
    for entry in data["entries"]:
        assert list(entry["used"]) == list(entry["percent"]) == list(RESOURCES)
        for resource in RESOURCES:
            used, share = entry["used"][resource], entry["percent"][resource]
            assert (used is None) == (share is None)
            if used is not None:
                computed = 100 * used / data["available"][resource]
                assert share == pytest.approx(computed, abs=0.0055 if entry["used_derived"] else 0)
        if entry["status"] in ("failed", "empty"):
            assert set(entry["used"].values()) == {None}
    assert any(ERROR.rstrip("\\") in note for note in data["notes"])
    assert table_as_data(build_table(sweep())) == data


def test_every_markdown_row_has_the_columns_of_its_head() -> None:
    text = table_as_markdown(build_table(sweep()))
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(blocks) == 6
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    *headings, last = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert len(headings) == 6
    for heading in headings:
        assert heading.endswith("finn-estimate")  # the last of its sources
    assert last == "Why the columns differ"


def check_latex(text: str) -> None:
    """Braces and environments close; each row has the columns its tabular announces."""
    body = re.sub(r"(?<!\\)%.*", "", text)
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", body):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    body = re.sub(r"@\{(\\hspace\{\w+\})?\}", "", body)  # the space between two columns
    tabulars = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", body, re.DOTALL)
    assert len(tabulars) == body.count(r"\begin{tabular}") == 6
    for columns, content in tabulars:
        rows = [line for line in content.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 2
        for row in rows:
            spanned = [int(width) - 1 for width in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            assert len(re.findall(r"(?<!\\)&", row)) + sum(spanned) == len(columns) - 1
    assert not re.findall(r"(?<!\\)[#_^]", body)


def test_latex_is_well_formed() -> None:
    check_latex(table_as_latex(build_table(sweep())))


@given(st.text(max_size=40))
def test_latex_survives_any_error(error: str) -> None:
    quoted = escape_latex(error)
    assert "\n" not in quoted
    assert all(letter.isascii() or "\xa1" <= letter <= "\xff" for letter in quoted)
    plain = re.sub(r"\\(text[a-z]+\{\}|[{}$&%#_])|\$\\[a-z]+\$", "", quoted)
    assert not re.search(r"[\\{}$&%#_^~]", plain)


@given(st.text(max_size=40))
def test_markdown_survives_any_error(error: str) -> None:
    quoted = escape_markdown(error)
    assert "\n" not in quoted
    assert "<" not in quoted
    assert not re.search(r"(?<!\\)(\\\\)*\|", quoted.replace("\\|", ""))


def test_two_tools_side_by_side() -> None:
    table = build_table(sweep() + plausible_sweep(source=Source.YOSYS))
    header = table_as_csv(table).splitlines()[0].split(",")
    assert len(header) == len(set(header))
    assert {name.split(".")[0] for name in header[8:]} == {"paper", "finn-estimate", "yosys"}
    text = table_as_markdown(table)
    assert "LUT paper | LUT finn-estimate | LUT yosys" in text
    assert "## Link and cycles per image, estimated — finn-estimate" in text
    assert "## Link and cycles per image, measured — yosys" in text


def test_what_fails_together_is_one_note() -> None:
    nothing = {"utilization": None, "cycles": None, "slowest": None, "layers": ()}
    together = [
        record if record.split in (0, 8) else replace(record, error="layer conv1: no", **nothing)
        for record in plausible_sweep()
    ]
    notes = table_as_data(build_table(together))["notes"]
    assert [note for note in notes if "failed" in note] == [
        "finn-estimate: failed: layer conv1: no"
    ]
    # Alone it is named by its place.
    notes = table_as_data(build_table(sweep("no room")))["notes"]
    assert "finn-estimate, split 2, first part: failed: no room" in notes


def test_what_was_measured_says_so_in_every_row() -> None:
    records = sweep() + plausible_sweep(source=Source.YOSYS)
    lines = list(csv.DictReader(io.StringIO(table_as_csv(build_table(records)))))
    data = table_as_data(build_table(records))
    for line in lines:
        for source, word in (("finn-estimate", "false"), ("yosys", "true")):
            known = line[f"{source}.cycles_per_image"] != ""
            assert line[f"{source}.cycles_measured"] == (word if known else "")
        assert line["finn-estimate.latency_cycles"] == ""
        assert (line["yosys.latency_cycles"] != "") == (line["yosys.status"] == "built")
    for entry in data["entries"]:
        assert entry["cycles_measured"] == (
            entry["source"] == "yosys" and entry["cycles_per_image"] is not None
        )
    for pipeline in data["pipelines"]:
        assert pipeline["measured"] == (pipeline["source"] == "yosys")
        assert (pipeline["latency_cycles"] is None) == (pipeline["source"] != "yosys")


def test_every_key_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    known = set(re.findall(r"`([a-z0-9_]+)`", documented))
    data = table_as_data(build_table(sweep()))
    keys = {*data, *data["configuration"], *data["available"]}
    lists = ("entries", "pipelines", "mean_absolute_difference", "increments", "layers")
    for name in (*lists, "explanations"):
        keys |= set(data[name][0])
    assert keys <= known
    header = table_as_csv(build_table(sweep())).splitlines()[0].split(",")
    quantities = {name.removeprefix("paper.") for name in header if name.startswith("paper.")}
    for quantity in {*header[:8], *quantities} - {
        f"{resource}.{what}" for resource in RESOURCES for what in ("used", "percent")
    }:
        assert f"`{quantity}`" in documented
