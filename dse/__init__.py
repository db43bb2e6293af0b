"""Where do I cut a quantised network over several FPGA boards? Evidence per split point.

>>> import dse
>>> sweep = dse.sweep()                    # every split of CnvW2A2, estimated and built
>>> dse.table(sweep)                       # Table I beside the published figures
>>> dse.choose(sweep, by="traffic").split  # where to cut
>>> dse.plan_network().splits              # where to cut, how to fold: the quickest plan, proved
>>> dse.run(None, "digits", split=5)       # through both parts, the wire between
>>> dse.deploy_network(None, split=5)      # on two boards, measured

Everything is imported on first use: ``import dse`` itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dse.api import (
        choose,
        cut,
        deploy_network,
        infer,
        load,
        open_boards,
        open_sweep,
        plan_network,
        run,
        sweep,
        table,
    )
    from dse.deploy.fard_api import FardApi
    from dse.errors import DseError

__all__ = [
    "DseError",
    "FardApi",
    "choose",
    "cut",
    "deploy_network",
    "infer",
    "load",
    "open_boards",
    "open_sweep",
    "plan_network",
    "run",
    "sweep",
    "table",
]

#: Of names that are not of dse.api.
_MODULES = {"DseError": "dse.errors", "FardApi": "dse.deploy.fard_api"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "dse.api")), name)


def __dir__() -> list[str]:
    return __all__
