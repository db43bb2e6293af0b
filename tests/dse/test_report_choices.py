"""What the reports say of the chosen split is what ``choose_split`` says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dse.report_choices import REPORTED_RULES, reported_choices
from dse.report_stamp import report_inputs
from dse.split_choice import choose_split
from reports.sweep_record import PartName
from reports.utilization import Utilization
from tests.reports.plausible import plausible_sweep


@pytest.mark.parametrize("rule", REPORTED_RULES)
def test_a_choice_is_told_whole(rule: str) -> None:
    records = plausible_sweep()
    (told,) = [choice for choice in reported_choices(records) if choice.rule == rule]
    choice = choose_split(records, rule)
    assert (told.split, told.pool, told.why) == (choice.split, choice.pool, choice.why)
    assert told.source == choice.source.value
    assert told.notes == choice.notes
    assert [reason for _, reason in told.rejected] == [one.reason for one in choice.rejected]
    # Every cut is either chosen or rejected, under the table's name for it.
    labels = {"0", "1", "1 after", "2", "3", "3 after", "4", "5", "6", "7", "8"}
    assert {told.label, *(label for label, _ in told.rejected)} == labels


def test_where_no_split_can_be_chosen_the_reason_is_told() -> None:
    def too_big(utilization: Utilization | None) -> Utilization | None:
        return None if utilization is None else replace(utilization, lut=1e6)

    records = [
        replace(record, utilization=too_big(record.utilization)) for record in plausible_sweep()
    ]
    for choice in reported_choices(records):
        assert choice.split is None
        assert choice.label is None
        assert "does not fit" in choice.why.lower()


def test_without_a_cut_there_is_no_choice() -> None:
    whole = [record for record in plausible_sweep() if record.part is PartName.WHOLE]
    assert reported_choices(whole) == ()


def test_another_choice_makes_the_reports_out_of_date() -> None:
    choices = reported_choices(plausible_sweep())
    inputs = report_inputs("records", choices)
    assert inputs == report_inputs("records", choices)
    assert inputs != report_inputs("records", choices[:1])
    assert inputs != report_inputs("records", (replace(choices[0], why="x"), *choices[1:]))
