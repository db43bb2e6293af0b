"""Damaged reports: the right value, unknown, or an error that names the file; no wrong number."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dse.errors import ReportError
from reports.readers import read_report
from reports.readers.report_lines import BLOCK
from tests.reports import report_texts as texts
from tests.reports.report_damage import ANY, STRUCTURAL, values
from tests.reports.report_texts import Counts, Form
from tests.reports.test_readers_forms import ALL

#: Numbers that a report states once, so that a digit changed in them cannot show. An XML file
#: states everything once; csynth text says latency, interval and clock once.
STATED_ONCE = {
    "csynth.xml": "all",
    "csynth.rpt": "latency interval clock",
    "power": "dynamic confidence",
}


def check(text: str | bytes, expected: dict[str, object], file: Path, free: str = "") -> bool:
    """Whether the file was read; AssertionError if to a wrong number."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        reports = read_report(file)
    except ReportError as error:
        if error.where != str(file):
            pytest.fail(f"the file is not named: {error}")
        return False
    for report in reports:
        for name, value in values(report).items():
            if any(word in name for word in free.split()) or free == "all":
                continue
            assert value is None or value == expected[name], (name, value, expected[name])
    return True


def expected_of(kind: str, folder: Path) -> dict[str, object]:
    file = folder / "whole"
    file.write_text(ALL[kind])
    [report] = read_report(file)
    return values(report)


@pytest.mark.parametrize("kind", ALL)
def test_cut_after_any_line(tmp_path: Path, kind: str) -> None:
    expected = expected_of(kind, tmp_path)
    lines = ALL[kind].splitlines(keepends=True)
    read = [
        check("".join(lines[:length]), expected, tmp_path / "cut")
        for length in range(len(lines) + 1)
    ]
    assert not any(read[: len(lines) // 3])
    assert read[-1]


@pytest.mark.parametrize("kind", ALL)
def test_cut_anywhere(tmp_path: Path, kind: str) -> None:
    expected = expected_of(kind, tmp_path)
    text = ALL[kind]
    for length in range(0, len(text), 7):
        check(text[:length], expected, tmp_path / "cut")


@pytest.mark.parametrize("kind", ALL)
def test_any_line_missing_or_twice(tmp_path: Path, kind: str) -> None:
    expected = expected_of(kind, tmp_path)
    lines = ALL[kind].splitlines(keepends=True)
    for number in range(len(lines)):
        check("".join(lines[:number] + lines[number + 1 :]), expected, tmp_path / "missing")
        check("".join(lines[: number + 1] + lines[number:]), expected, tmp_path / "twice")


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("flat", "Slice LUTs"),
        ("flat", "LUT as Memory"),
        ("flat", "Slice Registers"),
        ("flat", "Block RAM Tile"),
        ("flat", "| DSPs"),
        ("accelerator", "Used Resources"),
        ("power", "Total On-Chip Power (W)"),
        ("csynth.rpt", "| Total"),
        ("hierarchical", "FFs"),
        ("timing", "WHS(ns)"),
        ("csynth.xml", "LUT>"),
    ],
)
def test_a_renamed_row_or_column_is_missed(tmp_path: Path, kind: str, row: str) -> None:
    assert row in ALL[kind]
    renamed = ALL[kind].replace(row, row[:-3] + "Xyz"[: len(row)])
    file = tmp_path / "renamed"
    file.write_text(renamed)
    with pytest.raises(ReportError, match="renamed"):
        read_report(file)


@pytest.mark.parametrize("kind", ["flat", "ultrascale", "hierarchical", "accelerator"])
def test_columns_in_another_order_are_read_by_name(tmp_path: Path, kind: str) -> None:
    expected = expected_of(kind, tmp_path)

    def swap(line: str) -> str:
        cells = re.split(r"([|+])", line)
        if len(cells) > 8 and line[0] in "|+":
            cells[4], cells[6] = cells[6], cells[4]
        return "".join(cells)

    swapped = "".join(map(swap, ALL[kind].splitlines(keepends=True)))
    assert swapped != ALL[kind]
    assert check(swapped, expected, tmp_path / "swapped")


@pytest.mark.parametrize("other", ["Fixed", "Available", "Util%"])
def test_a_header_that_names_the_wrong_column_is_refused(tmp_path: Path, other: str) -> None:
    text = ALL["flat"]

    def swap(line: str) -> str:
        if "Site Type" not in line:
            return line
        return line.replace("Used", "\0").replace(other, "Used").replace("\0", other)

    swapped = "".join(map(swap, text.splitlines(keepends=True)))
    file = tmp_path / "swapped"
    file.write_text(swapped)
    with pytest.raises(ReportError, match=r"swapped:\d+"):
        read_report(file)


@pytest.mark.parametrize("section", ["Slice Logic", "Memory", "DSP"])
def test_a_missing_section_is_missed(tmp_path: Path, section: str) -> None:
    text = re.sub(rf"\n\d+\. {section}\n-+\n\n(?:[+|*].*\n)+", "\n", ALL["flat"], count=1)
    assert text != ALL["flat"]
    file = tmp_path / "short"
    file.write_text(text)
    with pytest.raises(ReportError, match="no table of"):
        read_report(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n \n", b"\xff\xfe", bytes(range(256)) * 50, b"\x7fELF" + b"\0" * 500, b"<xml/>"],
)
def test_what_is_no_report(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "strange"
    file.write_bytes(content)
    with pytest.raises(ReportError, match="strange"):
        read_report(file)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ReportError, match=str(path)):
            read_report(path)


def test_the_error_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "top_utilization.rpt"
    text = ALL["flat"].replace("33019", "33018", 1)
    line = 1 + text[: text.index("33018")].count("\n")
    file.write_text(text)
    with pytest.raises(ReportError) as caught:
        read_report(file)
    assert caught.value.where == str(file)
    # Either the count disagrees with its percentage, or with the total in the row above.
    assert caught.value.line in (line, line - 1)


@pytest.mark.parametrize("device", ["7z010clg400-1", "xc7z020clg484-1"])
def test_another_device_has_other_capacities(tmp_path: Path, device: str) -> None:
    file = tmp_path / "device"
    file.write_text(ALL["flat"].replace("7z020clg400-1", device))
    if "010" in device:
        with pytest.raises(ReportError, match="as xc7z010 has"):
            read_report(file)
    else:
        assert read_report(file)


def test_an_unknown_state_is_not_guessed(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text(texts.flat(form=Form(state="Partially Placed")))
    with pytest.raises(ReportError, match="Partially Placed"):
        read_report(file)


def test_files_named_synth_may_be_placed_and_all_zero(tmp_path: Path) -> None:
    file = tmp_path / "top_utilization_synth.rpt"
    file.write_text(texts.flat(Counts(0, 0, 0, 0, 0, 0, 0, 0, 0)))
    [report] = read_report(file)
    assert report.provenance.state == "Fully Placed"
    assert set(values(report).values()) >= {0}


def test_xml_entities_are_not_expanded(tmp_path: Path) -> None:
    file = tmp_path / "bomb.xml"
    file.write_text('<?xml version="1.0"?><!DOCTYPE profile [<!ENTITY a "aaaa">]><profile/>')
    with pytest.raises(ReportError, match="entities"):
        read_report(file)


def damage(kind: str, seed: int) -> str:
    """A report of ``kind`` with one change, which ``seed`` decides."""
    chance = random.Random(f"{kind} {seed}")
    mutations = STRUCTURAL if STATED_ONCE.get(kind) == "all" else ANY
    return chance.choice(mutations)(ALL[kind], chance)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("whole")
    return {kind: expected_of(kind, folder) for kind in ALL}


@pytest.mark.parametrize("kind", ALL)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_random_damage(
    tmp_path: Path, truth: dict[str, dict[str, object]], kind: str, seed: int
) -> None:
    check(damage(kind, seed), truth[kind], tmp_path / "damaged", STATED_ONCE.get(kind, ""))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_much_random_damage(tmp_path: Path, truth: dict[str, dict[str, object]], kind: str) -> None:
    seeds = range(2000)
    read = sum(
        check(damage(kind, seed), truth[kind], tmp_path / "damaged", STATED_ONCE.get(kind, ""))
        for seed in seeds
    )
    # Much damage is outside the numbers, much is in them.
    assert 0 < read < len(seeds)


@pytest.mark.parametrize("kind", ["flat", "ultrascale", "hierarchical", "accelerator", "timing"])
def test_every_digit_of_every_used_count_is_held_against_another(
    tmp_path: Path, truth: dict[str, dict[str, object]], kind: str
) -> None:
    text = ALL[kind]
    for match in re.finditer(r"[0-9]", text):
        other = str((int(match[0]) + 1) % 10)
        changed = text[: match.start()] + other + text[match.end() :]
        check(changed, truth[kind], tmp_path / "digit")


def test_a_long_line_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "line"
    file.write_text(ALL["flat"].partition("1. Slice")[0] + "x" * (3 * BLOCK))
    with pytest.raises(ReportError, match="1 MiB"):
        read_report(file)


#: Where half a gigabyte is put into a report, what it is, and what comes of it.
_LOG = b"INFO: [Synth 8-7079] a line of a log that is no report\n" * 4000
_LARGE = {
    "before": ("flat", b"Copyright", _LOG, None),
    "within": ("flat", b"Table of Contents", _LOG, None),
    "behind": ("flat", b"", _LOG, None),
    "no line end": ("flat", b"Copyright", b"x" * 200_000, "1 MiB"),
    "rows": ("hierarchical", b"|   core", b"", "rows"),
    "clocks": ("timing", b"clk_fpga_0", b"", None),
    "reports": ("flat", b"", b"", "reports in one file"),
    "xml text": ("csynth.xml", b"</profile>", _LOG, None),
    "xml value": ("csynth.xml", b"</LUT>", b"1" * 200_000, "LUT"),
    "xml comment": ("csynth.xml", b"-->", b"x" * 200_000, "1 MiB"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", _LARGE)
def test_half_a_gigabyte_takes_bounded_memory(tmp_path: Path, case: str) -> None:
    kind, place, filler, message = _LARGE[case]
    text = ALL[kind].encode()
    if case == "xml comment":
        text = text.replace(b"</profile>", b"<!-- --></profile>")
    if case in ("rows", "clocks"):
        start = text.index(place)
        filler = text[start : text.index(b"\n", start) + 1]
    if case == "reports":
        filler = text
    start = text.index(place) if place else len(text)
    file = tmp_path / "large"
    filler *= max(1, 200_000 // len(filler))
    with file.open("wb") as out:
        out.write(text[:start])
        for _ in range((500 << 20) // len(filler)):
            out.write(filler)
        out.write(text[start:])
    # In a process of its own, whose peak is of this file alone.
    script = (
        "import resource, sys\n"
        "from dse.errors import ReportError\n"
        "from reports.readers import read_report\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    print(len(read_report(sys.argv[1])), 'read')\n"
        "except ReportError as error:\n    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    try:
        command = [sys.executable, "-c", script, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        file.unlink()
    outcome, megabytes = done.stdout.splitlines()
    assert (message or "1 read") in outcome
    assert int(megabytes) < 120


@pytest.mark.parametrize(
    "number",
    ["9" * 5000, "1_000", "1e5", "nan", "inf", "-5", "+5", "٣٣", "3.", ".5", "0x10", "5 5"],
)
@pytest.mark.parametrize("kind", ["flat", "csynth.xml", "power"])
def test_what_python_takes_for_a_number_and_no_tool_writes(
    tmp_path: Path, kind: str, number: str
) -> None:
    file = tmp_path / "number"
    if kind == "csynth.xml":
        text = re.sub("<LUT>[0-9]+", f"<LUT>{number}", ALL[kind], count=1)
    elif kind == "power":
        text = texts.power(number, number, number)
    else:
        text = texts.flat().replace("38660", number.rjust(5))
    file.write_text(text)
    # A negative power is nonsense that is written like a number, and adds up to no total.
    with pytest.raises(ReportError, match="number"):
        read_report(file)
