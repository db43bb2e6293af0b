"""Build backends: from a part of a network to what it uses of a device.

A backend is one class in one file, with one method; it is registered by one line below and imported
only when asked for. ``docs/adding-a-backend.md`` shows the steps.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from dse.errors import InputError
from finn_flows.backends.interface import Backend

#: name on the command line -> "module:class"
BACKENDS = {
    "estimate": "finn_flows.backends.estimate:EstimateBackend",
    "yosys": "finn_flows.backends.yosys:YosysBackend",
    "vivado": "finn_flows.backends.vivado:VivadoBackend",
}


def load_backend(name: str) -> Backend:
    """The backend of that name. InputError, with the valid names, for any other."""
    if name not in BACKENDS:
        raise InputError(f"unknown backend {name!r}", choices=BACKENDS)
    module, _, attribute = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(module), attribute)())
