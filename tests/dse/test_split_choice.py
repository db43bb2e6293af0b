"""The chosen split against a search written anew; unknown is never 0; one source at a time."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dse.board_space import Answer
from dse.errors import InputError
from dse.resource_counts import Region
from dse.split_choice import Choice, choose_split
from dse.split_rules import RULES
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Scope, Source
from tests.dse.random_sweeps import LIMITS, UNKNOWN_DEVICE, record, sweeps, usage

FIRST, SECOND = PartName.FIRST, PartName.SECOND
Cut = tuple[int, str]
Pair = tuple[SweepRecord, SweepRecord]

#: What the reason of a cut says that could be built, and of one that could not.
LOST = (", against ", "is the later cut.", "has the pool after the cut.", "does not say")
IMPOSSIBLE = ("does not fit:", "has no result", "could not be built", "Nothing is left")

rules = st.sampled_from(sorted(RULES))
reserves = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"lut": st.integers(0, 20000), "bram": st.integers(0, 60)}),
)


# -- the search written anew ----------------------------------------------------------------------


def cuts_of(records: list[SweepRecord]) -> set[Cut]:
    return {(r.split, r.pool) for r in records if r.split is not None and r.pool is not None}


def fitting(records: list[SweepRecord], reserve: dict[str, int]) -> dict[Cut, Pair]:
    """Both parts of each cut of which both were built and break no known limit."""
    found = {}
    for cut in cuts_of(records):
        parts = {r.part: r for r in records if (r.split, r.pool) == cut}
        pair = [parts.get(FIRST), parts.get(SECOND)]
        if all(r is not None and r.utilization is not None and _fits(r, reserve) for r in pair):
            assert pair[0] is not None
            assert pair[1] is not None
            found[cut] = (pair[0], pair[1])
    return found


def _fits(part: SweepRecord, reserve: dict[str, int]) -> bool:
    for name, limit in LIMITS.items():
        count = getattr(part.utilization, name)
        if count is not None and count + reserve.get(name, 0) > limit:
            return False
    return True


def scores(rule: str, pairs: dict[Cut, Pair]) -> dict[Cut, Fraction]:
    """The score of each cut that has one."""

    def used(part: SweepRecord, name: str) -> float | None:
        return getattr(part.utilization, name)

    found = {}
    even = [
        name
        for name in ("lut", "lutram", "ff", "bram", "dsp")
        if not any(used(part, name) is None for pair in pairs.values() for part in pair)
    ]
    for cut, (first, second) in pairs.items():
        if rule == "traffic":
            values: list[object] = [first.bytes_per_image]
        elif rule == "throughput":
            values = [first.cycles, second.cycles]
        elif rule == "balance":
            values = [
                abs(Fraction(used(first, n)) - Fraction(used(second, n))) / LIMITS[n] for n in even
            ]
        else:
            values = [used(first, rule), used(second, rule)]
        if values and None not in values:
            found[cut] = max(Fraction(value) for value in values)  # type: ignore[arg-type]
    return found


@given(sweeps(), rules, reserves)
def test_nothing_that_fits_is_better(
    records: list[SweepRecord], rule: str, reserve: dict[str, int]
) -> None:
    pairs = fitting(records, reserve)
    expected = scores(rule, pairs)
    try:
        choice = choose_split(records, rule, source="finn-estimate", reserve=reserve)
    except InputError:
        if expected:
            raise
        return
    chosen = (choice.split, choice.pool)
    assert expected[chosen] == min(expected.values())
    sizes = {cut: pairs[cut][0].bytes_per_image for cut in expected}
    ties = [cut for cut, score in expected.items() if score == expected[chosen]]
    # The promise of Choice.ties, word by word.
    known = [cut for cut in ties if sizes[cut] is not None]
    if known:
        least = min(sizes[cut] or 0 for cut in known)
        ties = [cut for cut in known if sizes[cut] == least]
    earliest = min(split for split, _ in ties)
    assert chosen == max(cut for cut in ties if cut[0] == earliest)  # "before" > "after"


@given(sweeps(), rules)
def test_every_other_cut_has_one_reason(records: list[SweepRecord], rule: str) -> None:
    choice = chosen_or_skip(records, rule)
    others = [(one.split, one.pool) for one in choice.rejected]
    assert len(set(others)) == len(others)
    assert {*others, (choice.split, choice.pool)} == cuts_of(records)
    assert (choice.split, choice.pool) not in others
    built = fitting(records, {})
    for one in choice.rejected:
        assert one.reason.endswith(".")
        assert one.reason.count(". ") == 0
        possible = (one.split, one.pool) in built
        phrases = LOST if possible else IMPOSSIBLE
        assert [phrase for phrase in (*LOST, *IMPOSSIBLE) if phrase in one.reason] in (
            [phrase] for phrase in phrases
        )


@given(sweeps(), rules, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    records: list[SweepRecord], rule: str, chance: random.Random
) -> None:
    choice = chosen_or_skip(records, rule)
    shuffled = [*records]
    chance.shuffle(shuffled)
    assert choose_split(shuffled, rule, source="finn-estimate") == choice


@given(sweeps(most_percent=10, whole_parts=True), rules, st.integers(2, 9))
def test_a_scale_does_not_matter(records: list[SweepRecord], rule: str, factor: int) -> None:
    choice = chosen_or_skip(records, rule)
    larger = []
    for one in records:
        assert one.utilization is not None
        counts = {
            name: None if count is None else count * factor
            for name, count in one.utilization.resources().items()
        }
        larger.append(
            replace(
                one,
                utilization=replace(one.utilization, **counts),
                bytes_per_image=one.bytes_per_image and one.bytes_per_image * factor,
                cycles=one.cycles and one.cycles * factor,
            )
        )
    again = choose_split(larger, rule)
    assert (again.split, again.pool) == (choice.split, choice.pool)


@given(sweeps(), rules, reserves)
def test_what_stays_free_adds_up(
    records: list[SweepRecord], rule: str, reserve: dict[str, int]
) -> None:
    choice = chosen_or_skip(records, rule, reserve)
    pair = fitting(records, reserve)[choice.split, choice.pool]
    for part, board in zip(pair, choice.boards, strict=True):
        assert part.utilization is not None
        assert board.part is part.part
        used = part.utilization.resources()
        assert {space.resource for space in board.resources} == set(LIMITS) - {"uram"}
        for space in board.resources:
            assert space.used == used[space.resource]
            assert space.available == LIMITS[space.resource]
            if space.used is None:
                assert space.free is None
                assert space.used_percent is space.free_percent is None
            elif space.resource != "lutram":
                assert space.used + space.reserved + (space.free or 0) == space.available
                assert space.free_percent == 100 * (space.free or 0) / LIMITS[space.resource]
        lut, lutram = board.resource("lut"), board.resource("lutram")
        if used["lut"] is None or used["lutram"] is None:
            assert lutram.free is None
        else:
            assert lut.free is not None
            assert lutram.free == min(lut.free, LIMITS["lutram"] - used["lutram"])
        known = all(space.free is not None for space in board.resources)
        assert board.fits is (Answer.YES if known else Answer.UNKNOWN)


def chosen_or_skip(
    records: list[SweepRecord], rule: str, reserve: dict[str, int] | None = None
) -> Choice:
    try:
        return choose_split(records, rule, source="finn-estimate", reserve=reserve)
    except InputError:
        assume(False)
        raise


# -- by hand ------------------------------------------------------------------------------------


def cut(split: int, first: float | None, second: float | None, **more: object) -> list[SweepRecord]:
    """Both parts of a cut, by their LUTs."""
    counts = zip((FIRST, SECOND), (first, second), strict=True)
    return [record(split, part, used=usage(lut=lut), **more) for part, lut in counts]  # type: ignore[arg-type]


@pytest.mark.parametrize("part", [0, 1])
def test_unknown_is_not_zero(part: int) -> None:
    counts: list[float | None] = [1.0, 1.0]
    records = cut(0, *counts) + cut(1, 9.0, 9.0)
    assert choose_split(records, "lut").split == 0
    counts[part] = None
    records = cut(0, *counts) + cut(1, 9.0, 9.0)
    choice = choose_split(records, "lut")
    assert choice.split == 1
    assert choice.rejected[0].reason == (
        "finn-estimate does not say LUT of both parts, which the rule needs."
    )
    # Under another rule the cut can be chosen, and what is unknown is not free.
    choice = choose_split(records, "traffic")
    assert choice.split == 0
    assert choice.boards[part].resource("lut").free is None
    assert choice.boards[part].fits is Answer.UNKNOWN
    assert any("LUT" in note and "checked without" in note for note in choice.notes)


def test_unknown_bytes_and_cycles_are_not_zero() -> None:
    records = cut(0, 1.0, 1.0, size=None, cycles=None) + cut(1, 9.0, 9.0, size=800, cycles=9000)
    assert choose_split(records, "traffic").split == 1
    assert choose_split(records, "throughput").split == 1
    # As a tie break, too.
    records = cut(0, 9.0, 1.0, size=None) + cut(1, 9.0, 9.0, size=800)
    assert choose_split(records, "lut").split == 1


def test_a_resource_unknown_somewhere_is_left_out_of_balance_everywhere() -> None:
    first, second = usage(lut=1000.0, bram=140.0), usage(lut=1200.0, bram=0.0)
    records = [record(0, FIRST, used=first), record(0, SECOND, used=second), *cut(1, 10.0, 5000.0)]
    choice = choose_split(records, "balance")
    assert choice.split == 0
    assert any(note.endswith("left out of the rule.") and "BRAM" in note for note in choice.notes)
    known = [replace(one, utilization=replace(one.utilization, bram=3.0)) for one in records[2:]]  # type: ignore[type-var]
    choice = choose_split([*records[:2], *known], "balance")
    assert choice.split == 1
    assert "100.00 percentage points in BRAM (100.00 and 0.00 %)" in choice.rejected[0].reason
    # A cut that does not fit does not decide what is looked at.
    huge = cut(2, 60000.0, 1.0)
    assert choose_split([*records[:2], *known, *huge], "balance").split == 1


def test_both_parts_must_fit_under_every_rule() -> None:
    records = cut(0, 53200.0, 53200.0, size=800) + cut(1, 10.0, 53201.0, size=8)
    choice = choose_split(records, "traffic")
    assert choice.split == 0
    assert choice.rejected[0].reason == (
        "It does not fit: its second part needs 53201 LUT of 53200."
    )
    records += cut(2, 53100.0, 30.0)
    choice = choose_split(records, "traffic", reserve={"lut": 100})
    assert choice.split == 2
    assert choice.rejected[0].reason == (
        "It does not fit: its first part needs 53200 LUT and 100 reserved of 53200; "
        "its second part needs 53200 LUT and 100 reserved of 53200."
    )
    assert choice.boards[0].resource("lut").free == 0
    assert choice.boards[1].resource("lut").free == 53070


def test_ultraram_on_a_device_without_does_not_fit() -> None:
    with_uram = [replace(one, utilization=usage(lut=1.0, uram=1.0)) for one in cut(0, 1.0, 1.0)]
    choice = choose_split(with_uram + cut(1, 9.0, 9.0), "lut")
    assert choice.split == 1
    assert "1 URAM of 0" in choice.rejected[0].reason


def test_where_no_cut_can_be_chosen_each_is_named() -> None:
    records = [
        *cut(0, 60000.0, 1.0),
        record(1, FIRST),
        record(1, SECOND, error="licence\nnot found."),
        record(2, FIRST),
        record(2, SECOND, empty=True),
    ]
    with pytest.raises(InputError) as caught:
        choose_split(records, "traffic")
    assert str(caught.value) == (
        "no cut can be chosen by traffic from finn-estimate: "
        "split 0: It does not fit: its first part needs 60000 LUT of 53200; "
        "split 1: Its second part could not be built: licence not found; "
        "split 2: Nothing is left behind this cut: everything is on one board, so it is no split"
    )


def test_the_unsplit_cut_is_no_split_however_good() -> None:
    records = [*cut(0, 50.0, 50.0), record(1, FIRST, size=8), record(1, SECOND, empty=True, size=8)]
    choice = choose_split(records, "traffic")
    assert choice.split == 0
    assert "no split" in choice.rejected[0].reason
    assert choice.why.endswith("; no other cut could be chosen.")


def test_a_tie_says_by_what_it_was_broken() -> None:
    records = cut(2, 9.0, 9.0, size=800) + cut(1, 9.0, 9.0, size=64) + cut(0, 9.0, 1.0, size=128)
    choice = choose_split(records, "lut")
    assert choice.split == 1
    assert choice.why == (
        "Split 1 needs the least LUT on its fuller board: 9 LUT (both parts alike), as do "
        "splits 0, 2; of these it sends the fewest bytes, 64 per image."
    )
    assert [one.reason for one in choice.rejected] == [
        "Its fuller board uses 9 LUT (first part), like split 1, but sends 128 bytes per image, "
        "against 64.",
        "Its fuller board uses 9 LUT (both parts alike), like split 1, but sends 800 bytes per "
        "image, against 64.",
    ]
    pools = cut(3, 9.0, 9.0) + cut(1, 9.0, 9.0, pool="after") + cut(1, 9.0, 9.0)
    choice = choose_split(pools, "traffic")
    assert (choice.split, choice.pool) == (1, "before")
    assert choice.why.endswith(
        "as do splits 1 after, 3; of these that send as few bytes it is the earliest cut."
    )
    assert [one.reason.partition(", but ")[2] for one in choice.rejected] == [
        "has the pool after the cut.",
        "is the later cut.",
    ]
    assert choose_split(pools[2:], "traffic").why.endswith("it has the pool before the cut.")


def test_a_tie_of_unknown_bytes_says_so() -> None:
    records = cut(0, 9.0, 9.0, size=None) + cut(1, 9.0, 9.0, size=None)
    assert choose_split(records, "lut").why.endswith(
        "as does split 1; what they send is unknown, and of these it is the earliest cut."
    )
    records += cut(2, 9.0, 9.0, size=800)
    choice = choose_split(records, "lut")
    assert choice.split == 2
    assert choice.rejected[0].reason.endswith(
        "but sends an unknown number of bytes per image, against 800."
    )


def test_a_pool_side_is_looked_at_alone() -> None:
    records = cut(0, 1.0, 1.0, size=800) + cut(1, 1.0, 1.0, size=64)
    both = records + cut(1, 1.0, 1.0, size=256, pool="after")
    choice = choose_split(both, "traffic", pool="after")
    assert (choice.split, choice.pool, choice.bytes_per_image) == (1, "after", 256)
    assert [(one.split, one.pool) for one in choice.rejected] == [(0, "before")]
    assert choose_split(both, "traffic", pool="before") == choose_split(records, "traffic")
    with pytest.raises(InputError, match="no cut was swept with its pool after it"):
        choose_split(records, "traffic", pool="after")


# -- sources ------------------------------------------------------------------------------------


@given(sweeps(whole_parts=True, most_percent=60), sweeps(Source.YOSYS), rules)
def test_another_source_changes_nothing(
    mine: list[SweepRecord], others: list[SweepRecord], rule: str
) -> None:
    choice = chosen_or_skip(mine, rule)
    # That nothing is behind a cut is known of the network, whoever says so.
    cuts = cuts_of(mine) - cuts_of([one for one in others if one.empty])
    with_others = mine + [one for one in others if (one.split, one.pool) in cuts]
    assert choose_split(with_others, rule, source="finn-estimate") == choice


def test_the_best_source_that_has_every_cut() -> None:
    placed = cut(0, 5.0, 50.0, source=Source.VIVADO_PLACED)
    yosys = cut(0, 7.0, 7.0, source=Source.YOSYS) + cut(1, 3.0, 3.0, source=Source.YOSYS)
    estimate = cut(0, 1.0, 1.0) + cut(1, 2.0, 2.0)
    assert choose_split(estimate + yosys + placed, "lut").source is Source.YOSYS
    choice = choose_split(estimate + yosys + placed, "lut")
    assert choice.split == 1
    assert choice.notes[0].startswith("By yosys, the best source here that has every cut; ")
    choice = choose_split(estimate + yosys + placed, "lut", source=Source.VIVADO_PLACED)
    assert choice.split == 0
    assert choice.rejected[0].reason == "vivado-placed has no result of its first part."
    # What a better tool could not build is not passed over.
    failed = [record(1, part, source=Source.YOSYS, error="too big") for part in (FIRST, SECOND)]
    choice = choose_split(estimate + yosys[:2] + failed, "lut")
    assert (choice.source, choice.split) == (Source.YOSYS, 0)
    assert choice.notes[0].startswith(
        "By yosys, the best source here that was tried on every cut (and could not build 1 of 2 "
        "cuts); "
    )
    # A tool that could build nothing says nothing.
    nothing = [replace(one, split=0, part=one.part) for one in failed] + failed
    assert choose_split(estimate + nothing, "lut").source is Source.FINN_ESTIMATE


def test_a_source_need_not_know_the_cut_that_is_no_split() -> None:
    unsplit = [record(1, FIRST), record(1, SECOND, empty=True)]
    yosys = cut(0, 1.0, 1.0, source=Source.YOSYS)
    choice = choose_split(cut(0, 1.0, 1.0) + unsplit + yosys, "lut")
    assert (choice.source, choice.split) == (Source.YOSYS, 0)
    assert choice.rejected[0].reason.endswith("so it is no split.")


def test_no_source_that_has_every_cut() -> None:
    records = cut(0, 1.0, 1.0, source=Source.YOSYS) + cut(1, 1.0, 1.0)
    with pytest.raises(InputError) as caught:
        choose_split(records, "lut")
    assert str(caught.value) == (
        "no source has both parts of every cut: yosys lacks the first part of split 1; "
        "finn-estimate lacks the first part of split 0; expected one named with --source, which "
        "then leaves out the cuts it lacks (choose from yosys, finn-estimate)"
    )
    assert choose_split(records, "lut", source="yosys").split == 0


def test_results_of_different_scope_do_not_compare() -> None:
    records = cut(0, 1.0, 1.0) + cut(1, 2.0, 2.0)
    assert records[3].utilization is not None
    shell = replace(records[3].utilization, scope=Scope.WITH_SHELL)
    with pytest.raises(InputError, match="of different scopes \\(out-of-context, with shell\\)"):
        choose_split([*records[:3], replace(records[3], utilization=shell)], "lut")


def test_a_count_without_shell_says_so() -> None:
    records = cut(0, 1.0, 1.0)
    assert any("shell" in note for note in choose_split(records).notes)
    for position, one in enumerate(records):
        assert one.utilization is not None
        used = replace(one.utilization, scope=Scope.WITH_SHELL)
        records[position] = replace(one, utilization=used)
    assert not any("shell" in note for note in choose_split(records).notes)


# -- devices and regions ------------------------------------------------------------------------


def test_on_an_unknown_device_nothing_is_said_to_fit() -> None:
    records = [
        record(split, part, used=usage(UNKNOWN_DEVICE, lut=1e9 + split), device=UNKNOWN_DEVICE)
        for split in (0, 1)
        for part in (FIRST, SECOND)
    ]
    choice = choose_split(records, "lut", regions=[Region("any", (("lut", 1.0),))])
    assert choice.split == 0
    for board in choice.boards:
        assert board.fits is Answer.UNKNOWN
        assert board.regions[0].fits is Answer.UNKNOWN
        assert all(space.free is space.available is None for space in board.resources)
    assert any("not in the device table" in note for note in choice.notes)
    with pytest.raises(InputError, match=f"{UNKNOWN_DEVICE} is not in the device table"):
        choose_split(records, "balance")


@given(
    st.fixed_dictionaries(
        {name: st.one_of(st.none(), st.integers(0, LIMITS[name])) for name in ("lut", "ff", "dsp")}
    ),
    st.fixed_dictionaries(
        {}, optional={name: st.integers(0, LIMITS[name]) for name in ("lut", "ff", "dsp")}
    ),
)
def test_a_region_fits_where_each_count_is_free(
    used: dict[str, int | None], needed: dict[str, int]
) -> None:
    assume(needed)
    parts = [record(0, part, used=usage(**used)) for part in (FIRST, SECOND)]
    choice = choose_split(parts, regions=[Region("one", tuple(needed.items()))])
    answers = set()
    for name, count in needed.items():
        taken = used[name]
        if taken is None:
            answers.add("unknown" if count else "yes")
        else:
            answers.add("yes" if taken + count <= LIMITS[name] else "no")
    expected = next(answer for answer in ("no", "unknown", "yes") if answer in answers)
    for board in choice.boards:
        (fit,) = board.regions
        assert fit.fits == expected
        assert fit.why.endswith(".")


def test_a_region_may_take_all_that_is_free_and_no_more() -> None:
    parts = [record(0, part, used=usage(bram=100.0)) for part in (FIRST, SECOND)]
    regions = [Region(str(count), (("bram", count),)) for count in (34.0, 34.5)]
    for board in choose_split(parts, reserve={"bram": 6}, regions=regions).boards:
        assert [fit.fits for fit in board.regions] == [Answer.YES, Answer.NO]
        assert board.regions[1].why == "It needs 34.5 BRAM of 34.0 free."


# -- mistakes -----------------------------------------------------------------------------------


def test_mistakes_are_one_line() -> None:
    records = cut(0, 1.0, 1.0)

    def error(*arguments: object, given: list[SweepRecord] = records, **named: object) -> str:
        with pytest.raises(InputError) as caught:
            choose_split(given, *arguments, **named)  # type: ignore[arg-type]
        return str(caught.value)

    assert error("size") == f"unknown rule 'size' (choose from {', '.join(RULES)})"
    assert error("ff") == (
        "finn-estimate does not count FF (counted by no source of this sweep); it counts LUT "
        "(choose from traffic, balance, throughput, lut)"
    )
    yosys = [replace(one, source=Source.YOSYS, utilization=usage(ff=1.0)) for one in records]
    assert "does not count FF (counted by yosys)" in error(
        "ff", given=records + yosys, source="finn-estimate"
    )
    half = [*records, replace(records[0], split=1), replace(yosys[1], split=1)]
    half[3] = replace(half[3], source=Source.FINN_ESTIMATE)
    assert error("balance", given=half).startswith(
        "finn-estimate counts no resource of both parts of every cut, so the rule balance has "
    )
    assert error(source="vendor").startswith("unknown source 'vendor' (choose from vivado-placed")
    assert error(source="paper").endswith("any cut swept (choose from finn-estimate)")
    assert error(source="yosys").endswith("any cut swept (choose from finn-estimate)")
    assert error(pool="beside").endswith("(choose from before, after, both)")
    assert error(reserve={"lut": 53201}).endswith("expected at most the 53200 of xc7z020")
    assert error(reserve={"uram": 1}).endswith("expected at most the 0 of xc7z020")
    assert error(reserve={"luts": 1}).startswith("unknown resource 'luts' (choose from lut, ")
    assert error(reserve={"lut": float("nan")}).startswith("lut = nan; expected ")
    whole = [replace(records[0], part=PartName.WHOLE, split=None, pool=None)]
    assert error(given=whole).startswith("only the whole network was swept; ")
    assert error(given=[]).startswith("no design point to report; ")
    other = [replace(one, clock_mhz=200.0) for one in records]
    assert "clock_mhz 100.0 and 200.0" in error(given=records + other)
    assert error(given=records + records).startswith("two results of finn-estimate for the first")
