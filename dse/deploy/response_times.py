"""How long the runs of a job took, beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dse.counted import counted
from dse.errors import InputError
from reports.published import RESPONSE_TIME, PublishedResponseTime

#: How a board of an engine differs from the boards of the publication.
_ENGINES = {
    "onnx": "a process of this machine that computes its part in onnxruntime",
    "rtl": "a process of this machine that simulates its circuit with Verilator, cycle by cycle",
    "pynq": "an FPGA under PYNQ",
}
_EMULATED = ("onnx", "rtl")
#: With fewer runs the rank of the 99th percentile is past that of the second longest.
_RUNS_FOR_P99 = 101


@dataclass(frozen=True)
class ResponseTimes:
    """Statistics of the response times of ``runs`` jobs of ``images`` images each, in seconds.

    A response time goes from a job's first image sent to its last result received. ``sd``: of the
    sample (divided by runs - 1), None of a single run. ``p50``, ``p99``: linear between the two
    runs nearest to the rank 1 + p (runs - 1), so ``p99`` of 2 to 100 runs lies between the
    two longest (``p99_interpolated``).
    """

    runs: int
    images: int
    mean: float
    sd: float | None
    p50: float
    p99: float
    minimum: float
    maximum: float

    @property
    def p99_interpolated(self) -> bool:
        """Whether ``p99`` is drawn out of the two longest runs, there being so few."""
        return 1 < self.runs < _RUNS_FOR_P99

    def as_data(self) -> dict[str, Any]:
        """JSON: the fields above, times in seconds."""
        return {**asdict(self), "p99_interpolated": self.p99_interpolated}


@dataclass(frozen=True)
class MeasuredSetting:
    """What was measured on.

    ``engines``: of each stage's board, in order; ``split``: the layer behind which the network is
    cut, None for more than two parts; ``published_network``: by its layers and folding the network
    is that of :mod:`reports.published`.
    """

    network: str
    split: int | None
    engines: tuple[str, ...]
    published_network: bool


def response_times(response_ns: ArrayLike, images: int) -> ResponseTimes:
    """``response_ns``: one whole number of nanoseconds a run, (runs,). InputError without runs."""
    times = np.asarray(response_ns, dtype=np.int64)
    if times.ndim != 1 or not len(times):
        raise InputError("there is no response time", expected="one of each run")
    p50, p99 = np.quantile(times, (0.5, 0.99), method="linear")
    return ResponseTimes(
        runs=len(times),
        images=images,
        mean=float(times.mean()) / 1e9,
        sd=float(times.std(ddof=1)) / 1e9 if len(times) > 1 else None,
        p50=float(p50) / 1e9,
        p99=float(p99) / 1e9,
        minimum=int(times.min()) / 1e9,
        maximum=int(times.max()) / 1e9,
    )


def differences(
    times: ResponseTimes,
    setting: MeasuredSetting,
    paper: PublishedResponseTime = RESPONSE_TIME,
) -> list[str]:
    """Why the two columns are not the same measurement: a sentence each."""
    sentences = []
    for engine in dict.fromkeys(setting.engines):
        which = [str(at) for at, name in enumerate(setting.engines) if name == engine]
        who = "Every board" if len(which) == len(setting.engines) else f"Board {', '.join(which)}"
        sentences.append(
            f"{who} is {_ENGINES.get(engine, engine)}; the paper's are {paper.boards}."
        )
    if any(engine in _EMULATED for engine in setting.engines):
        sentences.append(
            "A time of emulated boards says how fast the runner is, not how fast FPGAs would be."
        )
    sentences.append(
        f"The paper sends {paper.transport}; here each hop is a socket of its own beside them."
    )
    if not setting.published_network:
        sentences.append(f"The network is {setting.network}, the paper's is {paper.network}.")
    if setting.split != paper.split or len(setting.engines) != 2:
        parts = len(setting.engines)
        here = counted(parts, "part") if setting.split is None else f"split {setting.split}"
        sentences.append(f"The network is in {here}, the paper's is split {paper.split}.")
    for what, ours, theirs in (
        ("image{} a run", times.images, paper.images),
        ("run{}", times.runs, paper.runs),
    ):
        if ours != theirs:
            named = what.format("" if ours == 1 else "s")
            sentences.append(f"{ours:,} {named} here, {theirs:,} in the paper.")
    return sentences


def as_data(
    times: ResponseTimes,
    setting: MeasuredSetting,
    paper: PublishedResponseTime = RESPONSE_TIME,
) -> dict[str, Any]:
    """JSON: ``measured`` and ``paper``, each with its ``source``, and ``differences``."""
    return {
        "measured": {"source": "measured", "engines": list(setting.engines), **times.as_data()},
        "paper": {**asdict(paper), "source": paper.source.value},
        "differences": differences(times, setting, paper),
    }


def as_text(
    times: ResponseTimes,
    setting: MeasuredSetting,
    paper: PublishedResponseTime = RESPONSE_TIME,
) -> str:
    """The table and what differs, lines without an end of line behind the last."""
    emulated = sum(engine in _EMULATED for engine in setting.engines)
    boards = len(setting.engines)
    kind = f"{boards} emulated" if emulated == boards else f"{boards}, {emulated} emulated"
    if not emulated:
        kind = f"{boards} FPGAs"
    rows: list[tuple[str, str, str]] = [
        ("", "measured", paper.source.value),
        ("boards", kind, paper.boards),
        ("images x runs", f"{times.images} x {times.runs}", f"{paper.images} x {paper.runs}"),
        ("mean", _milliseconds(times.mean), f"{paper.mean_seconds * 1e3:g} ms"),
        ("sd", _milliseconds(times.sd), f"{paper.sd_seconds * 1e3:g} ms"),
        ("p50", _milliseconds(times.p50), ""),
        ("p99" + " *" * times.p99_interpolated, _milliseconds(times.p99), ""),
        ("min", _milliseconds(times.minimum), ""),
        ("max", _milliseconds(times.maximum), ""),
    ]
    lines = ["Response time, first image sent to last result received", *_aligned(rows)]
    if times.p99_interpolated:
        lines.append(f"* {times.runs} runs: the 99th percentile lies between the two longest")
    lines += [f"- {sentence}" for sentence in differences(times, setting, paper)]
    lines.append(f"paper: {paper.citation}")
    return "\n".join(lines)


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:,.3f} ms"


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}".rstrip()
        for row in rows
    ]
