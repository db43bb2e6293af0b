"""Random sweeps, of which anything may be unknown, failed, missing or too big."""

from __future__ import annotations

from hypothesis import strategies as st

from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Scope, Source, Stage, Utilization

DEVICE = "xc7z020clg400-1"
UNKNOWN_DEVICE = "xc6slx9"

#: What an XC7Z020 has (Xilinx DS190), written down anew.
LIMITS = {"lut": 53200, "lutram": 17400, "ff": 106400, "bram": 140, "dsp": 220, "uram": 0}


def usage(device: str = DEVICE, **counts: float | None) -> Utilization:
    """What one part uses; what is not named is unknown."""
    return Utilization(device, "a tool", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, **counts)


def record(
    split: int,
    part: PartName = PartName.FIRST,
    pool: str = "before",
    *,
    source: Source = Source.FINN_ESTIMATE,
    size: int | None = 64,
    cycles: int | None = 1000,
    used: Utilization | None = None,
    device: str = DEVICE,
    error: str | None = None,
    empty: bool = False,
) -> SweepRecord:
    """One design point of a made-up network."""
    nothing = error is not None or empty
    return SweepRecord(
        network="made-up",
        network_sha256="0" * 64,
        part=part,
        split=split,
        pool=pool,
        source=source,
        device=device,
        clock_mhz=100.0,
        folding="any",
        bytes_per_image=size,
        utilization=None if nothing else used or usage(device, lut=100.0),
        cycles=None if nothing else cycles,
        empty=empty,
        error=error,
    )


#: Shares of the most that a sweep uses, in percent. Few, so that cuts tie; rarely unknown, so that
#: there is mostly something to choose from.
_SHARES = (None, 0, 1, 2, 5, 9, 15, 25, 30, 40, 41, 50, 50, 60, 70, 75, 75, 76)


def _counts(most_percent: int) -> st.SearchStrategy[dict[str, float | None]]:
    def of(name: str) -> st.SearchStrategy[float | None]:
        most = LIMITS[name] * most_percent // 100
        counts = [None if share is None else float(most * share // 100) for share in _SHARES]
        limit = [float(LIMITS[name]), LIMITS[name] + 1.0] if most_percent > 100 else []
        half = [most // 2 + 0.5] if name == "bram" else []
        return st.sampled_from([*counts, *limit, *half])

    return st.fixed_dictionaries(
        {name: of(name) for name in ("lut", "lutram", "ff", "bram", "dsp")}
    )


@st.composite
def sweeps(
    draw: st.DrawFn,
    source: Source = Source.FINN_ESTIMATE,
    most_percent: int = 130,
    whole_parts: bool = False,
    device: str = DEVICE,
) -> list[SweepRecord]:
    """Cuts of one source. ``whole_parts``: every part is there and built."""
    cuts = draw(
        st.lists(
            st.tuples(st.integers(0, 8), st.sampled_from(["before", "after"])),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    unknown_for_all = draw(st.sets(st.sampled_from(sorted(LIMITS)), max_size=2))
    records = []
    for split, pool in cuts:
        size = draw(st.sampled_from([8, 16, 24, 32, 40, None]))
        for part in (PartName.FIRST, PartName.SECOND):
            fate = (
                "built" if whole_parts else draw(st.sampled_from(["built"] * 14 + ["no", "fail"]))
            )
            if split == 8 and part is PartName.SECOND and not whole_parts:
                records.append(record(split, part, pool, size=size, empty=True, source=source))
                continue
            if fate == "no":
                continue
            counts = draw(_counts(most_percent))
            counts |= dict.fromkeys(unknown_for_all)
            records.append(
                record(
                    split,
                    part,
                    pool,
                    source=source,
                    size=size,
                    cycles=draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, None])),
                    used=usage(device, **counts),
                    error="no licence" if fate == "fail" else None,
                    device=device,
                )
            )
    return records
