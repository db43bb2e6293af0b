"""A whole sweep: every point through every backend, then the table and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.report_stamp import current_reports, remove_leftovers, report_inputs, stamp_reports
from dse.store import ResultStore
from dse.sweep_driver import PointResult, Progress, sweep
from dse.sweep_file import SWEEP_FILE, sweep_file_text, write_sweep_file
from dse.swept import Sweep, records_of
from finn_flows.backends.interface import Backend, Part


def run_sweep(
    points: Sequence[Part],
    backends: Sequence[Backend],
    out: Path,
    workers: int,
    progress: Progress,
) -> Sweep:
    """Build what ``out`` does not hold yet; write sweep.json, table and figures there.

    Raises StoreError if another sweep holds ``out`` or it cannot be used, OutputError if a result
    cannot be written.
    """
    results: list[PointResult] = []
    with ResultStore(out / "store") as store:
        remove_leftovers(out)
        for backend in backends:
            results += sweep(points, backend, store, workers, progress)
        warnings = [f"{line}; built again" for line in store.damaged]
        # Under the store's lock, so that two sweeps into one folder do not mix their files.
        text = sweep_file_text(records_of(results))
        write_sweep_file(out, text)
        files = [out / SWEEP_FILE, *_write_reports(results, out, text)]
    return Sweep(out, records_of(results), tuple(results), tuple(files), tuple(warnings))


def _write_reports(results: Sequence[PointResult], out: Path, sweep_text: str) -> list[Path]:
    """Write table and figures, unless they are there as these records make them."""
    inputs = report_inputs(sweep_text)
    current = current_reports(out, inputs)
    if current is not None:
        return current
    from reports.sweep_report import write_sweep_report

    written = sorted(write_sweep_report(records_of(results), out))
    stamp_reports(out, inputs, written)
    return written
