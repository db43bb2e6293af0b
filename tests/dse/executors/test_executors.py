"""The registry of executors, and what is said of options that do not fit."""

from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dse.cli import main
from dse.errors import ExecutorError, InputError
from dse.executors import EXECUTORS, load_executor
from dse.executors.dask_executor import DaskExecutor
from dse.executors.interface import ExecutorChoice

CHOICES = {"local": ExecutorChoice(), "dask": ExecutorChoice(scheduler="tcp://host:1")}


def test_every_executor_has_its_name() -> None:
    assert EXECUTORS.keys() == CHOICES.keys()
    for name, choice in CHOICES.items():
        assert load_executor(name, choice).name == name
    with pytest.raises(InputError, match=r"unknown executor 'x' \(choose from local, dask\)"):
        load_executor("x", ExecutorChoice())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--executor", "cloud"], "unknown executor 'cloud' (choose from local, dask)"),
        (["--executor", "dask"], "expected either --scheduler tcp://HOST:PORT or --slurm"),
        (["--scheduler", "tcp://h:1"], "--scheduler needs --executor dask"),
        (["--pull"], "--pull needs --executor dask"),
        (["--wait", "5"], "--wait needs --executor dask"),
        (["--resource", "a=1"], "--resource needs --executor dask"),
        (["--resource", "a=0"], "'a=0' is not a tag and a number above 0"),
        (["--slurm", "no-such.toml"], "no-such.toml: cannot be read: No such file or directory"),
        (["--slurm", "a.toml", "--scheduler", "h:1"], "either --scheduler"),
        (["--slurm", "a.toml", "--executor", "local"], "--slurm needs --executor dask"),
    ],
)
def test_options_that_do_not_fit(arguments: Sequence[str], said: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out"), "--backend", "estimate"]
    result = CliRunner().invoke(main, ["sweep", *out, *arguments])
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        pytest.raises(ExecutorError, match=r"pip install 'split-dse\[cluster\]'"),
        DaskExecutor("tcp://host:1"),
    ):
        pass


def test_a_local_sweep_does_not_import_dask() -> None:
    code = (
        "import sys; from dse.executors import *; from dse.executors.interface import *;"
        "load_executor('local', ExecutorChoice()); import dse.cli.sweep, dse.api;"
        "import dse.executors.dask_executor;"
        "assert not {'dask', 'distributed', 'dask_jobqueue', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
