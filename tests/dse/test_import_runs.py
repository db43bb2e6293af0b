"""A lab's old Vivado runs beside a sweep, in columns of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dse.cli import main
from dse.errors import InputError
from dse.import_runs import ImportTarget, import_runs
from dse.imported_file import IMPORTED_FILE, beside, implemented, imported_text, read_imported
from dse.run_folders import RunPoint, point_from_names, read_runs_file
from dse.sweep_file import read_sweep_file, sweep_file_text, write_sweep_file
from reports.sweep_record import Implementation, PartName
from reports.utilization import Scope, Source
from tests.reports import report_texts as texts
from tests.reports.plausible import DEVICE, plausible_sweep
from tests.reports.report_texts import Counts, Form

SWEPT = plausible_sweep()
TARGET = ImportTarget(
    SWEPT[0].network,
    SWEPT[0].network_sha256,
    DEVICE,
    SWEPT[0].clock_mhz,
    SWEPT[0].folding,
    {(r.split, r.pool): r.bytes_per_image for r in SWEPT if r.split is not None and r.pool},
    SWEPT[0].published_design,
    SWEPT[0].published_folding,
)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two splits and the whole network; one run with all of a Vivado project's reports."""
    folder = tmp_path / "lab"
    for split in (0, 3):
        run = folder / f"split{split}" / "project_1.runs"
        used = Counts(logic=5000 + 1000 * split)
        synth = Form(state="Synthesized")
        write(run / "impl_1" / "top_utilization_placed.rpt", texts.flat(used))
        write(
            run / "synth_1" / "top_utilization_synth.rpt", texts.flat(replace(used, dsp=4), synth)
        )
    implementation = folder / "split3" / "project_1.runs" / "impl_1"
    write(implementation / "top_timing_summary_routed.rpt", texts.timing())
    write(implementation / "top_power_routed.rpt", texts.power())
    write(implementation / "top_drc_routed.rpt", "| Tool Version : Vivado v.2018.3\n")
    # An IP by itself, and a top that is nothing but black boxes.
    ip = folder / "split3" / "project_1.runs" / "dma_0_synth_1" / "dma_0_utilization_synth.rpt"
    write(ip, texts.flat(Counts(logic=9)))
    zero = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0)
    write(folder / "whole" / "synth_1" / "top_utilization_synth.rpt", texts.flat(zero))
    write(folder / "whole" / "impl_1" / "top_utilization_placed.rpt", texts.flat())
    write(folder / "old" / "top_utilization_placed.rpt", texts.flat(Counts(logic=77)))
    return folder


def test_runs_are_found_by_their_folders(runs: Path) -> None:
    result = import_runs(runs, TARGET, Scope.WITH_SHELL)
    found = {(run.record.split, run.record.part, run.record.source): run for run in result.runs}
    assert set(found) == {
        (None, PartName.WHOLE, Source.VIVADO_PLACED),
        (0, PartName.FIRST, Source.VIVADO_SYNTH),
        (0, PartName.FIRST, Source.VIVADO_PLACED),
        (3, PartName.FIRST, Source.VIVADO_SYNTH),
        (3, PartName.FIRST, Source.VIVADO_PLACED),
    }
    placed = found[3, PartName.FIRST, Source.VIVADO_PLACED]
    used = placed.record.utilization
    assert used is not None
    assert (used.lut, used.dsp, used.scope) == (8000 + 5641, 134, Scope.WITH_SHELL)
    assert (used.tool, used.tool_version) == ("Vivado", "2018.3")
    assert placed.record.bytes_per_image == 800
    assert placed.record.implementation == Implementation(3.856, 0.041, 1.68)
    other = found[0, PartName.FIRST, Source.VIVADO_PLACED]
    assert other.record.implementation is None
    text = "\n".join(result.warnings)
    for reason in ("of one IP", "all zero", '[[run]] report = "old/top_utilization_placed.rpt"'):
        assert reason in text


def test_runs_file_decides_where_there_is_one(runs: Path) -> None:
    write(
        runs / "runs.toml",
        '[[run]]\nreport = "old/top_utilization_placed.rpt"\npart = "second"\nsplit = 4\n'
        'scope = "out-of-context"\n',
    )
    [run] = import_runs(runs, TARGET, Scope.WITH_SHELL).runs
    assert (run.record.split, run.record.pool, run.record.part) == (4, "before", PartName.SECOND)
    assert run.record.utilization is not None
    assert run.record.utilization.scope is Scope.OUT_OF_CONTEXT


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("split3/impl_1/a.rpt", RunPoint(PartName.FIRST, 3, "before")),
        ("Split_3/second/a.rpt", RunPoint(PartName.SECOND, 3, "before")),
        ("runs/l5/a.rpt", RunPoint(PartName.FIRST, 5, "before")),
        ("cnv-cut-2-pool-after/first/a.rpt", RunPoint(PartName.FIRST, 2, "after")),
        ("whole/a.rpt", RunPoint(PartName.WHOLE, None, None)),
        ("unsplit_design/a.rpt", RunPoint(PartName.WHOLE, None, None)),
        ("split3/split4/a.rpt", None),
        ("split3/whole/a.rpt", None),
        ("split3/first/second/a.rpt", None),
        ("impl_1/a.rpt", None),
        ("model3/a.rpt", None),
        ("first/a.rpt", None),
    ],
)
def test_names_that_tell_a_point(path: str, point: RunPoint | None) -> None:
    assert point_from_names(Path(path)) == point


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no runs"),
        ("[[run]", "not TOML"),
        ('[[run]]\nreport = "none.rpt"\npart = "first"\nsplit = 1', "no file none.rpt"),
        ('[[run]]\nreport = "a.rpt"\npart = "third"\nsplit = 1', "part 'third'"),
        ('[[run]]\nreport = "a.rpt"\npart = "first"', "split None"),
        ('[[run]]\nreport = "a.rpt"\npart = "first"\nsplit = "3"', "split '3'"),
        ('[[run]]\nreport = "a.rpt"\npart = "whole"\nsplit = 3', "neither split nor pool"),
        ('[[run]]\nreport = "a.rpt"\npart = "first"\nsplit = 3\npol = "after"', "unknown key pol"),
        ('[[run]]\nreport = "a.rpt"\npart = "whole"\nscope = "big"', "scope 'big'"),
    ],
)
def test_a_wrong_runs_file(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "a.rpt", texts.flat())
    write(tmp_path / "runs.toml", text)
    with pytest.raises(InputError, match=message) as caught:
        read_runs_file(tmp_path)
    assert "runs.toml" in str(caught.value)


def test_two_that_differ_are_ambiguous_and_two_that_agree_are_not(tmp_path: Path) -> None:
    write(tmp_path / "split1" / "a_utilization.rpt", texts.flat())
    write(tmp_path / "split1" / "b_utilization.rpt", texts.flat())
    assert len(import_runs(tmp_path, TARGET, Scope.WITH_SHELL).runs) == 1
    write(tmp_path / "split1" / "b_utilization.rpt", texts.flat(Counts(logic=1)))
    with pytest.raises(InputError, match=r"a_utilization.*b_utilization.*runs\.toml"):
        import_runs(tmp_path, TARGET, Scope.WITH_SHELL)


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        import_runs(tmp_path / "none", TARGET, Scope.WITH_SHELL)
    with pytest.raises(InputError, match="no report to import"):
        import_runs(tmp_path, TARGET, Scope.WITH_SHELL)
    file = tmp_path / "split99" / "utilization.rpt"
    write(file, texts.flat())
    with pytest.raises(InputError, match="no split 99"):
        import_runs(tmp_path, TARGET, Scope.WITH_SHELL)
    file.unlink()
    write(tmp_path / "split1" / "u.rpt", texts.flat(form=Form(family="ultrascale")))
    with pytest.raises(InputError, match="a design for xczu7ev"):
        import_runs(tmp_path, TARGET, Scope.WITH_SHELL)


def test_of_part_of_a_design_is_left_out(tmp_path: Path) -> None:
    command = "report_utilization -cells [get_cells a] -file a.rpt"
    write(tmp_path / "split1" / "a_utilization.rpt", texts.flat(form=Form(command=command)))
    with pytest.raises(InputError, match="of part of a design"):
        import_runs(tmp_path, TARGET, Scope.WITH_SHELL)


def dse(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_imported_runs_stand_beside_the_sweep(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    write_sweep_file(out, sweep_file_text(SWEPT))
    result = dse("report", "--import", runs, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(dse("table", "--json", "--out", out).stdout)
    assert {"vivado-placed", "vivado-synth", "finn-estimate"} <= set(table["sources"])
    entry = next(
        entry
        for entry in table["entries"]
        if (entry["split"], entry["part"], entry["source"]) == (3, "first", "vivado-placed")
    )
    assert entry["used"]["lut"] == 13641
    assert entry["percent"]["lut"] == pytest.approx(100 * 13641 / 53200)
    assert (entry["tool_version"], entry["scope"]) == ("2018.3", "with shell")
    # Again, with less in it: what was imported before is gone.
    write(
        runs / "runs.toml",
        '[[run]]\nreport = "old/top_utilization_placed.rpt"\npart = "first"\nsplit = 1\n',
    )
    assert dse("report", "--import", runs, "--out", out).exit_code == 0
    records = read_sweep_file(out)
    assert records[: len(SWEPT)] == SWEPT
    assert [record.split for record in records[len(SWEPT) :]] == [1]


def test_import_where_nothing_was_swept(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    result = dse("report", "--import", runs, "--out", out)
    assert result.exit_code == 0, result.output
    assert (out / "table1.csv").is_file()
    shown = dse("table", "--out", out)
    assert shown.exit_code == 0
    assert "CnvW2A2" in shown.output
    assert "paper" in shown.output


def test_the_file_is_read_back_as_written(runs: Path, tmp_path: Path) -> None:
    result = import_runs(runs, TARGET, Scope.WITH_SHELL)
    write(tmp_path / IMPORTED_FILE, imported_text(result.runs))
    assert read_imported(tmp_path) == list(result.runs)


def test_runs_of_another_configuration_stay_out_of_the_table(runs: Path) -> None:
    imported = import_runs(runs, TARGET, Scope.WITH_SHELL).runs
    assert beside(SWEPT, imported) == ([run.record for run in imported], [])
    faster = [replace(record, clock_mhz=200.0) for record in SWEPT]
    records, warnings = beside(faster, imported)
    assert records == []
    assert len(warnings) == len(imported)
    own = [*SWEPT, imported[0].record]
    records, warnings = beside(own, imported)
    assert records == [run.record for run in imported[1:]]
    assert "has itself" in warnings[0]


@pytest.mark.parametrize("damage", ["{", "{}", '{"format": "x"}', "[]"])
def test_a_damaged_import_file(tmp_path: Path, damage: str) -> None:
    write(tmp_path / IMPORTED_FILE, damage)
    result = dse("table", "--out", tmp_path)
    assert result.exit_code == 2
    assert "import again" in result.output


def test_what_was_imported_before_records_had_slack_is_read_on(runs: Path, tmp_path: Path) -> None:
    result = import_runs(runs, TARGET, Scope.WITH_SHELL)
    content = json.loads(imported_text(result.runs)) | {"version": 1}
    for run in content["runs"]:
        said = run["record"].pop("implementation") or {}
        run.update({name: said.get(name) for name in ("wns_ns", "whs_ns", "power_w")})
    write(tmp_path / IMPORTED_FILE, json.dumps(content))
    assert read_imported(tmp_path) == list(result.runs)


def test_slack_below_0_is_a_goal_missed(runs: Path) -> None:
    late = next(
        run.record
        for run in import_runs(runs, TARGET, Scope.WITH_SHELL).runs
        if run.record.implementation is not None
    )
    missed = implemented(late, -0.25, 0.01, None).implementation
    assert missed == Implementation(
        -0.25, 0.01, misses=(f"timing: WNS -0.250 ns at {TARGET.clock_mhz:g} MHz",)
    )
