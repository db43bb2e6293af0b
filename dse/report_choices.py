"""The splits that a sweep's reports name: by the rule of BNNsplit and by the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from dse.errors import InputError
from reports.choice_record import ChoiceRecord
from reports.sweep_record import SweepRecord

#: Names in :data:`dse.split_rules.RULES`.
REPORTED_RULES = ("traffic", "balance")


def reported_choices(records: Sequence[SweepRecord]) -> tuple[ChoiceRecord, ...]:
    """What each reported rule chooses, as plain data; nothing if no cut is among ``records``.

    Where a rule can choose none, its record has no split and says why.
    """
    if all(record.split is None for record in records):
        return ()
    return tuple(_choice(records, rule) for rule in REPORTED_RULES)


def _choice(records: Sequence[SweepRecord], rule: str) -> ChoiceRecord:
    from dse.split_choice import choose_split

    try:
        choice = choose_split(records, rule)
    except InputError as error:
        # For one configuration and a known rule: no cut that could be chosen.
        return ChoiceRecord(rule=rule, split=None, pool=None, source=None, why=str(error))
    return ChoiceRecord(
        rule=choice.rule,
        split=choice.split,
        pool=choice.pool,
        source=choice.source.value,
        why=choice.why,
        rejected=tuple(
            (f"{one.split} after" if one.pool == "after" else str(one.split), one.reason)
            for one in choice.rejected
        ),
        notes=choice.notes,
    )
