"""A whole sweep: every point through every backend, then table, figures and the HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.executors.interface import Executor
from dse.imported_file import beside, read_imported
from dse.report_choices import reported_choices
from dse.report_stamp import current_reports, remove_leftovers, report_inputs, stamp_reports
from dse.store import ResultStore
from dse.sweep_driver import PointResult, Progress, sweep
from dse.sweep_file import SWEEP_FILE, sweep_file_text, write_sweep_file
from dse.swept import Sweep, records_of
from finn_flows.backends.interface import Backend, Part
from reports.sweep_record import SweepRecord


def run_sweep(
    points: Sequence[Part],
    backends: Sequence[Backend],
    out: Path,
    executor: Executor,
    progress: Progress,
) -> Sweep:
    """Build what ``out`` does not hold yet; write sweep.json and reports there.

    Raises StoreError if another sweep holds ``out`` or it cannot be used, OutputError if a result
    cannot be written, ExecutorError if ``executor`` has nobody to build.
    """
    results: list[PointResult] = []
    with ResultStore(out / "store") as store, executor:
        remove_leftovers(out)
        for backend in backends:
            results += sweep(points, backend, store, executor, progress)
        warnings = [f"{line}; built again" for line in store.damaged]
        warnings += _remarks(results)
        # Under the store's lock, so that two sweeps into one folder do not mix their files.
        text = sweep_file_text(records_of(results))
        write_sweep_file(out, text)
        imported = read_imported(out)
        fitting, left_out = beside(records_of(results), imported)
        records = (*records_of(results), *fitting)
        files = [out / SWEEP_FILE, *write_reports(records, out)]
    return Sweep(out, records, tuple(results), tuple(files), (*warnings, *left_out))


def _remarks(results: Sequence[PointResult]) -> list[str]:
    """One line for each release of a vendor's tool that FINN is not known to work with."""
    records = [result.record for result in results if result.record.implementation is not None]
    counted = [record.utilization for record in records if record.utilization is not None]
    if not counted:
        return []
    from finn_flows.vivado.installation import release_remark

    remarks = (release_remark(release) for release in {used.tool_version for used in counted})
    return sorted(remark for remark in remarks if remark is not None)


def write_reports(records: Sequence[SweepRecord], out: Path) -> list[Path]:
    """Write all reports of ``records``, unless they are there as these make them."""
    choices = reported_choices(records)
    inputs = report_inputs(sweep_file_text(records), choices)
    current = current_reports(out, inputs)
    if current is not None:
        return current
    from reports.sweep_report import write_sweep_report

    written = sorted(write_sweep_report(records, out, choices))
    stamp_reports(out, inputs, written)
    return written
