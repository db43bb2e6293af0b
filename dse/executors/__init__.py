"""Executors: where the tasks of a sweep run.

An executor is one class in one file, registered by one line below and imported only when asked for;
``dse/executors/interface.py`` has the contract.
"""

from __future__ import annotations

from importlib import import_module

from dse.errors import InputError
from dse.executors.interface import Executor, ExecutorChoice

#: name on the command line -> "module:class"
EXECUTORS = {
    "local": "dse.executors.local:LocalExecutor",
    "dask": "dse.executors.dask_executor:DaskExecutor",
}


def load_executor(name: str, choice: ExecutorChoice) -> Executor:
    """The executor of that name. InputError for an unknown one, and for options it has no use for,
    misses or cannot read."""
    if name not in EXECUTORS:
        raise InputError(f"unknown executor {name!r}", choices=EXECUTORS)
    module, _, attribute = EXECUTORS[name].partition(":")
    executor: Executor = getattr(import_module(module), attribute).from_choice(choice)
    return executor
