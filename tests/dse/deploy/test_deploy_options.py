"""Numbers on the command line that are none."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dse.cli import main


@pytest.mark.parametrize("value", ["nan", "-NaN", "inf", "0.0999", "1e9", "ten", ""])
@pytest.mark.parametrize("option", [("deploy", "--watchdog"), ("simulate", "--stalls")])
def test_a_number_that_is_none_is_a_usage_error(option: tuple[str, str], value: str) -> None:
    if option[1] == "--stalls" and value == "0.0999":
        value = "1.0"
    result = CliRunner().invoke(main, [option[0], f"{option[1]}={value}"])
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if "rror" in line]
    assert option[1] in line
