"""``python -m bench`` runs all benchmarks, or those that are named."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from bench import __main__ as bench
from bench.comparison import Comparison
from bench.tables import comparison_table


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def measure(name: str) -> Sequence[Comparison]:
        names.append(name)
        if name == "reports":
            raise FileNotFoundError("no corpus")
        return [Comparison(name, "things/s", "a", "b", 2.0, 1.0, 2.0, 1.5, 2.5)]

    for name in bench.BENCHMARKS:
        row = (lambda name=name: measure(name), comparison_table)
        monkeypatch.setitem(bench.BENCHMARKS, name, row)
    return names


def test_all_of_them_and_what_cannot_be_measured_is_said(
    called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main([])
    assert called == [
        "estimates",
        "images",
        "layers",
        "reports",
        "transport",
        "compute",
        "executor",
        "planner",
    ]
    said = capsys.readouterr()
    assert "reports: not measured: no corpus" in said.err
    assert said.out.count("2.0x (1.5") == 7


def test_those_that_are_named(called: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--only", "compute", "--only", "transport", "--json"])
    assert called == ["transport", "compute"]
    found = json.loads(capsys.readouterr().out)
    assert list(found) == called
    assert found["compute"][0]["ratio"] == 2.0


def test_an_unknown_name(called: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["--only", "nothing"])
    assert ended.value.code == 2
    assert "invalid choice: 'nothing'" in capsys.readouterr().err
    assert not called
