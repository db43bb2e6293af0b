"""A sweep record survives the trip through its JSON text; a damaged text is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import StoreError
from reports.record_file import dump_record, load_record
from reports.sweep_record import Implementation, LayerRecord, PartName, SweepRecord
from reports.utilization import Scope, Source, Stage, Utilization

counts = st.none() | st.floats(0, 1e9) | st.integers(0, 10**9)
texts = st.text(max_size=12)
utilizations = st.builds(
    Utilization,
    device=texts,
    tool=texts,
    tool_version=texts,
    stage=st.sampled_from(Stage),
    scope=st.sampled_from(Scope),
    lut=counts,
    lut_as_logic=counts,
    lutram=counts,
    ff=counts,
    bram=counts,
    dsp=counts,
    uram=counts,
)
cycles = st.none() | st.integers(0, 10**12)
depths = st.none() | st.integers(0, 99)


@st.composite
def layers(draw: st.DrawFn) -> LayerRecord:
    """Any layer; what has no cycles has none measured."""
    found = draw(cycles)
    return LayerRecord(
        name=draw(texts),
        layer=draw(texts),
        utilization=draw(utilizations),
        cycles=found,
        cycles_measured=found is not None and draw(st.booleans()),
        logic_depth=draw(depths),
        carry_depth=draw(depths),
    )


slacks = st.none() | st.floats(-1e3, 1e3)
lines = st.text("LUT: of 0123456789-.\N{MINUS SIGN}", min_size=1).filter(str.strip)


@st.composite
def implementations(draw: st.DrawFn, placed: bool) -> Implementation:
    """Whatever the vendor's tools say; slack of a placed design only."""
    return Implementation(
        wns_ns=draw(slacks) if placed else None,
        whs_ns=draw(slacks) if placed else None,
        power_w=draw(st.none() | st.floats(0, 1e3)),
        run_seconds=draw(st.none() | st.floats(0, 1e6)),
        misses=tuple(draw(st.lists(lines, max_size=3))),
    )


@st.composite
def records(draw: st.DrawFn) -> SweepRecord:
    """Any record that keeps its promises: built, failed or empty."""
    part = draw(st.sampled_from(PartName))
    whole = part is PartName.WHOLE
    record = SweepRecord(
        network=draw(texts),
        network_sha256=draw(texts),
        part=part,
        split=None if whole else draw(st.integers(0, 8)),
        pool=None if whole else draw(st.sampled_from(["before", "after"])),
        source=draw(st.sampled_from(Source)),
        device=draw(texts),
        clock_mhz=draw(st.floats(1, 1000)),
        folding=draw(texts),
        bytes_per_image=draw(st.none() | st.integers(0, 10**6)),
    )
    outcome = draw(st.sampled_from(["built", "failed", "empty"]))
    if outcome == "failed":
        return replace(record, error=draw(texts))
    if outcome == "empty":
        return replace(record, empty=True)
    found = draw(cycles)
    used = draw(utilizations)
    if record.source in (Source.VIVADO_SYNTH, Source.VIVADO_PLACED):
        placed = record.source is Source.VIVADO_PLACED
        after_synthesis = replace(used, stage=Stage.SYNTHESISED, lut=draw(counts))
        record = replace(
            record,
            implementation=draw(st.none() | implementations(placed)),
            synthesised=after_synthesis if placed and draw(st.booleans()) else None,
        )
    return replace(
        record,
        utilization=used,
        cycles=found,
        slowest=draw(st.none() | texts),
        layers=tuple(draw(st.lists(layers(), max_size=3))),
        cycles_measured=found is not None and draw(st.booleans()),
        latency_cycles=draw(cycles),
    )


@given(records())
def test_round_trip(record: SweepRecord) -> None:
    text = dump_record(record)
    assert load_record(text, "x.json") == record
    assert dump_record(load_record(text, "x.json")) == dump_record(load_record(text, "y.json"))


def built() -> SweepRecord:
    """One first part."""
    utilization = Utilization(
        "xc7z020clg400-1", "finn", "1.6.1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, lut=5, bram=0.5
    )
    return SweepRecord(
        "CnvW2A2", "00", PartName.FIRST, 3, "before", Source.FINN_ESTIMATE, "xc7z020clg400-1",
        100.0, "published", 800, utilization, 115200, "MVAU_3",
        (LayerRecord("MVAU_3", "conv3", utilization, 115200),),
    )  # fmt: skip


def test_unknown_stays_null() -> None:
    stored = json.loads(dump_record(built()))
    assert stored["utilization"]["ff"] is None
    assert load_record(dump_record(built()), "x").utilization.ff is None  # type: ignore[union-attr]


def test_every_shortened_file_is_refused_by_name() -> None:
    text = dump_record(built()).rstrip()
    for length in range(len(text)):
        with pytest.raises(StoreError, match=r"store/ab\.json: not a sweep record"):
            load_record(text[:length], "store/ab.json")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"split": "3"}, "split"),
        ({"clock_mhz": None}, "clock_mhz"),
        ({"clock_mhz": float("nan")}, "a count of nan"),
        ({"clock_mhz": float("inf")}, "a count of inf"),
        ({"source": "hearsay"}, "source"),
        ({"surplus": 1}, "surplus"),
        ({"error": "boom"}, "both an error and a result"),
        ({"empty": True}, "an empty part"),
        ({"empty": True, "utilization": None, "cycles": None, "layers": [], "error": "x"}, "empty"),
        ({"split": None}, "first part with split None"),
        ({"pool": "beside"}, "beside"),
        ({"pool": None}, "pool None"),
        ({"cycles": None, "cycles_measured": True}, "measured cycles, but no cycles"),
        ({"cycles": -1}, "a count of -1"),
        ({"latency_cycles": -1}, "a count of -1"),
        ({"latency_cycles": 1.5}, "latency_cycles"),
        (
            {"error": "x", "utilization": None, "cycles": None, "layers": [], "latency_cycles": 9},
            "both an error and a result",
        ),
    ],
)
def test_damage_is_named(change: dict[str, object], complaint: str) -> None:
    stored = json.loads(dump_record(built())) | change
    with pytest.raises(StoreError, match=complaint) as caught:
        load_record(json.dumps(stored), "ab.json")
    assert str(caught.value).startswith("ab.json: ")
    assert "\n" not in str(caught.value)


def placed() -> SweepRecord:
    """A first part that a vendor's tools built, too late by a third of a nanosecond."""
    used = Utilization(
        "xc7z020clg400-1", "Vivado", "2022.2", Stage.PLACED, Scope.WITH_SHELL, lut=5000, bram=2
    )
    return replace(
        built(),
        source=Source.VIVADO_PLACED,
        utilization=used,
        synthesised=replace(used, stage=Stage.SYNTHESISED, lut=5500),
        implementation=Implementation(
            -0.312, 0.041, 1.68, 5021.5, ("timing: WNS -0.312 ns at 100 MHz",)
        ),
    )


def test_slack_may_be_negative() -> None:
    found = load_record(dump_record(placed()), "x")
    assert found == placed()
    assert found.implementation is not None
    assert found.implementation.wns_ns == -0.312


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"source": Source.YOSYS}, "after synthesis beside no placed"),
        ({"source": Source.YOSYS, "synthesised": None}, "an implementation by yosys"),
        ({"source": Source.VIVADO_SYNTH, "synthesised": None}, "slack after routing"),
        ({"utilization": None}, "after synthesis beside no placed"),
        ({"utilization": None, "cycles": None, "error": "x"}, "both an error and a result"),
        ({"synthesised": placed().utilization}, "after synthesis of a design that was placed"),
        ({"synthesised": replace(placed().synthesised, device="x")}, "for x and for xc7z020"),
        ({"synthesised": replace(placed().synthesised, lut=-1)}, "a count of -1"),
        ({"implementation": Implementation(wns_ns=float("nan"))}, "a slack of"),
        ({"implementation": Implementation(power_w=-1)}, "a count of -1"),
        ({"implementation": Implementation(run_seconds=float("inf"))}, "a count of inf"),
        ({"implementation": Implementation(misses=("a\nb",))}, "no line"),
        ({"implementation": Implementation(misses=(" ",))}, "no line"),
    ],
)
def test_a_build_that_contradicts_itself_is_refused(
    change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        dump_record(replace(placed(), **change))  # type: ignore[arg-type]


def test_missing_field() -> None:
    stored = json.loads(dump_record(built()))
    del stored["network_sha256"]
    with pytest.raises(StoreError, match="network_sha256"):
        load_record(json.dumps(stored), "ab.json")


@pytest.mark.parametrize("name", ["cycles", "logic_depth", "carry_depth"])
def test_a_negative_count_of_a_layer_is_refused(name: str) -> None:
    stored = json.loads(dump_record(built()))
    stored["layers"][0][name] = -1
    with pytest.raises(StoreError, match="a count of -1"):
        load_record(json.dumps(stored), "ab.json")


def test_a_record_from_before_anything_was_measured_is_read_on() -> None:
    stored = json.loads(dump_record(built()))
    for name in ("cycles_measured", "latency_cycles", "implementation", "synthesised"):
        del stored[name]
    for name in ("cycles_measured", "logic_depth", "carry_depth"):
        del stored["layers"][0][name]
    assert load_record(json.dumps(stored), "ab.json") == built()
    assert built().cycles_measured is False
    assert built().latency_cycles is None


def test_what_could_not_be_read_is_not_written() -> None:
    for broken in (
        replace(built(), clock_mhz=float("nan")),
        replace(built(), error="boom"),
        replace(built(), part=PartName.WHOLE),
    ):
        with pytest.raises(ValueError, match=r"count|error|whole"):
            dump_record(broken)
