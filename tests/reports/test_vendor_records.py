"""One build by the vendor's tools, as synthesis and as placement have it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reports.missed_goals import lacking_resources, missed_timing, missed_words, timing_misses
from reports.record_file import dump_record, load_record
from reports.sweep_record import Implementation, PartName, SweepRecord
from reports.utilization import Source, Stage
from reports.vendor_records import expanded
from tests.reports.test_record_file import placed, records

MISFIT = Implementation(
    run_seconds=900.0, misses=("LUT: 61,233 of 53,200", "RAMB36/FIFO: 150 of 140")
)


def misfit() -> SweepRecord:
    """A build that synthesis has counted, and that does not fit its device."""
    return replace(
        placed(),
        source=Source.VIVADO_SYNTH,
        utilization=placed().synthesised,
        synthesised=None,
        implementation=MISFIT,
    )


@given(st.lists(records(), max_size=6))
def test_every_record_is_of_one_source_and_nothing_is_lost(
    given_records: list[SweepRecord],
) -> None:
    found = expanded(given_records)
    assert all(one.synthesised is None for one in found)
    # Each can be stored like any other.
    assert all(load_record(dump_record(one), "x") == one for one in found)
    kept = [one.utilization for one in found]
    for record in given_records:
        assert record.utilization in kept
        assert record.synthesised is None or record.synthesised in kept
        assert record.implementation is None or any(
            one.implementation == record.implementation for one in found
        )


def test_a_placed_design_has_its_counts_after_synthesis_before_it() -> None:
    synthesised, after = expanded([placed()])
    assert synthesised.source is Source.VIVADO_SYNTH
    assert synthesised.utilization == placed().synthesised
    assert synthesised.implementation is None
    assert after == replace(placed(), synthesised=None)


def test_counts_of_placed_layers_are_not_those_of_synthesis() -> None:
    used = placed().utilization
    assert used is not None
    (layer,) = placed().layers
    synthesised, after = expanded([replace(placed(), layers=(replace(layer, utilization=used),))])
    assert after.layers[0].utilization == used
    assert synthesised.layers[0].utilization.stage is Stage.SYNTHESISED
    assert not any(synthesised.layers[0].utilization.resources().values())
    assert synthesised.layers[0].cycles == layer.cycles


def test_what_does_not_fit_was_not_placed_and_says_so() -> None:
    synthesised, after = expanded([misfit()])
    assert synthesised.utilization == misfit().utilization
    assert after.source is Source.VIVADO_PLACED
    assert (after.utilization, after.cycles, after.implementation) == (None, None, MISFIT)
    # The run time of one build stands once.
    assert synthesised.implementation == Implementation(misses=MISFIT.misses)


def test_an_empty_part_is_empty_for_both() -> None:
    empty = SweepRecord(
        "CnvW2A2", "00", PartName.SECOND, 8, "before", Source.VIVADO_PLACED, "xc7z020clg400-1",
        100.0, "published", 40, empty=True,
    )  # fmt: skip
    assert expanded([empty]) == (empty,)
    assert expanded([placed(), empty])[2:] == (replace(empty, source=Source.VIVADO_SYNTH), empty)


def test_what_is_missed_in_words() -> None:
    late = replace(MISFIT, misses=(*MISFIT.misses, *timing_misses(-0.3125, 0.1, 100.0)))
    assert lacking_resources(late) == ("LUT 61,233 of 53,200", "RAMB36/FIFO 150 of 140")
    assert missed_timing(late) == ("WNS \N{MINUS SIGN}0.312 ns at 100 MHz",)
    assert missed_words(late) == (
        "does not fit: LUT 61,233 of 53,200, RAMB36/FIFO 150 of 140; "
        "timing not met: WNS \N{MINUS SIGN}0.312 ns at 100 MHz"
    )
    assert missed_words(None) == missed_words(Implementation()) == ""
    assert timing_misses(0.0, None, 100.0) == ()
    assert len(timing_misses(-1, -1, 142.8)) == 2
