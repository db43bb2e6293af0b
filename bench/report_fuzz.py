"""``python -m bench.report_fuzz [SECONDS [SEED]]``: damage real reports at random, and read them.

Every outcome must be an error that names the file, the right value, or unknown. The seed is
printed; with the same seed the same reports are damaged in the same way. Numbers that a report
states only once (all of an XML file; latency and clock of a csynth text; capacities of a device
that the device table does not know) cannot be held against anything when one of their digits
changes, and are left out of the comparison.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench.report_corpus import indexed_reports
from dse.errors import InputError, ReportError
from reports.devices import device_of
from reports.readers import HlsReport, PowerReport, Report, read_report
from tests.reports.report_damage import ANY, STRUCTURAL, values


def once(report: Report) -> tuple[str, ...]:
    """Words in the names of numbers that the report states only once."""
    words: tuple[str, ...] = ()
    if isinstance(report, HlsReport):
        words += ("latency", "interval", "clock")
    if isinstance(report, PowerReport):
        words += ("dynamic", "confidence")
    try:
        device_of(report.provenance.device)
    except InputError:
        words += ("available",)
    return words


def main() -> None:
    """Fuzz for a while; exit code 1 at the first wrong number."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    paths = [path for path, _, _ in indexed_reports()]
    if not paths:
        sys.exit("no reports: shared/vivado_reports beside the checkout is missing")
    print(f"seed {seed}, {seconds:g} s, {len(paths)} reports")
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "damaged"
        while time.monotonic() < end:
            path = chance.choice(paths)
            [report] = read_report(path)
            expected, free = values(report), once(report)
            mutations = STRUCTURAL if path.suffix == ".xml" else ANY
            text = path.read_text()
            names = []
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                mutation = chance.choice(mutations)
                names.append(mutation.__name__)
                text = mutation(text, chance) or " "
            file.write_text(text)
            try:
                found = read_report(file)
            except ReportError as error:
                if error.where != str(file):
                    sys.exit(f"{path} after {names}: an error without the file: {error}")
                outcomes["refused"] += 1
                continue
            outcomes["read"] += 1
            for name, value in ((n, v) for one in found for n, v in values(one).items()):
                if any(word in name for word in free):
                    continue
                if value is not None and value != expected[name]:
                    kept = Path("build") / f"fuzz-{seed}.rpt"
                    kept.parent.mkdir(exist_ok=True)
                    kept.write_text(text)
                    sys.exit(
                        f"{path} after {names}: {name} is {value}, not {expected[name]}; "
                        f"kept as {kept}"
                    )
    print(f"{outcomes.total():,} damaged reports: {dict(outcomes)}, no wrong number")


if __name__ == "__main__":
    main()
