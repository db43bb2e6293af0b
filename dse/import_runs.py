"""A user's own Vivado runs as records of a sweep."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError, ReportError
from dse.imported_file import ImportedRun, implemented
from dse.run_folders import RunPoint, point_from_names, read_runs_file, runs_template
from reports.devices import device_of
from reports.readers import PowerReport, ReportKind, TimingReport, UtilizationReport, read_report
from reports.readers.report_start import VIVADO
from reports.sweep_record import SweepRecord
from reports.utilization import RESOURCES, Scope, Source, Stage

_SUFFIXES = (".rpt", ".txt", ".log")
_SOURCES = {Stage.SYNTHESISED: Source.VIVADO_SYNTH, Stage.PLACED: Source.VIVADO_PLACED}


@dataclass(frozen=True)
class ImportTarget:
    """What the imported records have in common with the sweep they go beside.

    ``bytes_per_image`` by split and pool: every cut there is. Reports say neither clock, folding
    nor network; the user's runs are taken to be of these. The last two are as in a sweep record.
    """

    network: str
    network_sha256: str
    device: str
    clock_mhz: float
    folding: str
    bytes_per_image: Mapping[tuple[int, str], int | None]
    published_design: str | None = None
    published_folding: bool = False


@dataclass(frozen=True)
class ImportResult:
    """The runs, one for each design point and source, and what was left out, one line each."""

    runs: tuple[ImportedRun, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    path: Path
    name: str
    report: UtilizationReport
    point: RunPoint


def import_runs(folder: Path, target: ImportTarget, scope: Scope) -> ImportResult:
    """Every utilization report below ``folder`` that is of a design point of ``target``.

    ``scope``: what the designs comprise, unless runs.toml says otherwise. Left out with a warning:
    reports that cannot be read, of part of a design, of an IP alone, of nothing (all zero: its IPs
    are black boxes), and those whose point no name tells. Raises InputError if nothing is left, if
    two reports of one point and source disagree, or for another device; each says what to write
    into runs.toml. ReportError for a report listed there that cannot be read.
    """
    if not folder.is_dir():
        raise InputError("not a folder", where=folder, expected="a folder of Vivado runs")
    warnings: list[str] = []
    found = list(_listed(folder, scope) or _walked(folder, scope, warnings))
    runs: dict[tuple[object, ...], tuple[_Found, ImportedRun]] = {}
    for run in found:
        record = _record(run, target)
        key = (record.split, record.pool, record.part, record.source)
        other = runs.get(key)
        if other is not None:
            if not _agree(other[1].record, record):
                raise InputError(
                    f"{other[0].name} and {run.name} are both of {_words(run.point)}, and differ",
                    where=folder,
                    expected=f"one of them {runs_template([run.name])}",
                )
            if _known(record) <= _known(other[1].record):
                continue
        runs[key] = run, _imported(run, record)
    if not runs:
        raise InputError(
            "no report to import" + "".join(f"; {line}" for line in warnings[:3]),
            where=folder,
            expected="utilization reports below folders such as split3 or whole, or "
            + runs_template(["RUN/top_utilization_placed.rpt"]),
        )
    ordered = sorted(
        (imported for _, imported in runs.values()),
        key=lambda run: (
            run.record.split is not None,
            run.record.split or 0,
            run.record.pool or "",
            run.record.part,
            run.record.source,
        ),
    )
    return ImportResult(tuple(ordered), tuple(warnings))


def _listed(folder: Path, scope: Scope) -> list[_Found] | None:
    points = read_runs_file(folder)
    if points is None:
        return None
    found = []
    for path, point in points.items():
        reports = [report for report in read_report(path, point.scope or scope) if _counts(report)]
        if len(reports) != 1:
            raise ReportError(
                f"{len(reports)} utilization reports", where=path, expected="exactly one"
            )
        assert isinstance(reports[0], UtilizationReport)
        found.append(_Found(path, path.relative_to(folder).as_posix(), reports[0], point))
    return found


def _walked(folder: Path, scope: Scope, warnings: list[str]) -> Iterator[_Found]:
    unknown: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file() or not _is_vivado(path):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            reports = [report for report in read_report(path, scope) if _counts(report)]
        except ReportError as error:
            # Of the kinds of report in a run most are of no interest here.
            if "utilization" in path.name.lower() or "util" in path.stem.lower():
                warnings.append(f"left out: {error}")
            continue
        for report in reports:
            assert isinstance(report, UtilizationReport)
            reason = _unfit(path, report)
            point = point_from_names(path.relative_to(folder))
            if reason is not None:
                warnings.append(f"left out: {name}: {reason}")
            elif point is None:
                unknown.append(name)
            else:
                yield _Found(path, name, report, point)
    if unknown:
        warnings.append(f"no name tells the split of {len(unknown)}: {runs_template(unknown)}")


def _is_vivado(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(8192).replace(b"\0", b"")
    except OSError:
        return False
    return VIVADO.encode() in start


def _counts(report: object) -> bool:
    return isinstance(report, UtilizationReport) and report.provenance.kind in (
        ReportKind.UTILIZATION,
        ReportKind.HIERARCHY,
    )


def _unfit(path: Path, report: UtilizationReport) -> str | None:
    """Why a report that was found by itself is not that of a design point."""
    command = report.provenance.command or ""
    if "-cells" in command or "-pblock" in command or "-slr" in command:
        return "of part of a design, by its command"
    folder = path.parent.name
    if folder.endswith("_synth_1") and folder != "synth_1":
        return f"of one IP, by its folder {folder}"
    used = report.utilization.resources().values()
    if not any(used):
        return "all zero, so its parts are black boxes"
    return None


def _record(run: _Found, target: ImportTarget) -> SweepRecord:
    used = run.report.utilization
    point = run.point
    if not _same_device(used.device, target.device):
        raise InputError(
            f"a design for {used.device}",
            where=run.path,
            expected=f"one for {target.device} (--device, where nothing is swept yet)",
        )
    size = None
    if point.split is not None:
        cuts = target.bytes_per_image
        if (point.split, point.pool) not in cuts:
            raise InputError(
                f"{target.network} has no {_words(point)}",
                where=run.path,
                choices=[f"{split} pool {pool}" for split, pool in cuts],
            )
        size = cuts[point.split, point.pool or ""]
    return SweepRecord(
        network=target.network,
        network_sha256=target.network_sha256,
        part=point.part,
        split=point.split,
        pool=point.pool,
        source=_SOURCES[used.stage],
        device=target.device,
        clock_mhz=target.clock_mhz,
        folding=target.folding,
        bytes_per_image=size,
        utilization=used,
        published_design=target.published_design,
        published_folding=target.published_folding,
    )


def _same_device(one: str, other: str) -> bool:
    try:
        return device_of(one) == device_of(other)
    except InputError:
        plain = [name.lower().replace("-", "").removeprefix("xc") for name in (one, other)]
        return plain[0] == plain[1]


def _imported(run: _Found, record: SweepRecord) -> ImportedRun:
    """With slack and power of the reports in the same folder, of a placed design."""
    digest = hashlib.sha256(run.path.read_bytes()).hexdigest()
    if record.source is not Source.VIVADO_PLACED:
        return ImportedRun(run.name, digest, record)
    timing: set[tuple[float | None, float | None]] = set()
    power: set[float] = set()
    for path in sorted(run.path.parent.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file() or not _is_vivado(path):
            continue
        try:
            reports = read_report(path)
        except ReportError:
            continue
        for report in reports:
            if report.provenance.design != run.report.provenance.design:
                continue
            if isinstance(report, TimingReport):
                timing.add((report.wns, report.whs))
            elif isinstance(report, PowerReport):
                power.add(report.total)
    # Of several that differ none can be told to be this design's.
    wns, whs = timing.pop() if len(timing) == 1 else (None, None)
    watts = power.pop() if len(power) == 1 else None
    return ImportedRun(run.name, digest, implemented(record, wns, whs, watts))


def _agree(one: SweepRecord, other: SweepRecord) -> bool:
    """Whether two records of one point say the same wherever both say something."""
    assert one.utilization is not None
    assert other.utilization is not None
    pairs = zip(
        one.utilization.resources().values(), other.utilization.resources().values(), strict=True
    )
    return one.utilization.scope == other.utilization.scope and all(
        a is None or b is None or a == b for a, b in pairs
    )


def _known(record: SweepRecord) -> int:
    assert record.utilization is not None
    used = record.utilization.resources()
    return sum(used[name] is not None for name in RESOURCES)


def _words(point: RunPoint) -> str:
    if point.split is None:
        return "the whole network"
    return f"split {point.split} (pool {point.pool}), {point.part.value} part"
