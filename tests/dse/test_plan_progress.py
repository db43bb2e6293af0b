"""What `dse plan` shows while it explains."""

from __future__ import annotations

import pytest

from dse.cli.plan_progress import plan_progress


@pytest.mark.parametrize(("is_terminal", "quiet"), [(True, False), (True, True), (False, False)])
def test_questions_are_shown_on_a_terminal_unless_quiet(
    is_terminal: bool,
    quiet: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    with plan_progress(quiet=quiet) as on_step:
        on_step("what split [5] would cost", 2, 9)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("what split [5] would cost" in shown.err) == (is_terminal and not quiet)
    assert ("2/9" in shown.err) == (is_terminal and not quiet)
    assert (is_terminal and not quiet) or not shown.err
