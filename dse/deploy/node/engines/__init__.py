"""The engines, by name."""

from __future__ import annotations

from importlib import import_module

from dse.deploy.node.engines.interface import Engine
from dse.errors import InputError

#: Engine name -> module:class, so that none is imported that is not used.
ENGINES = {
    "onnx": "dse.deploy.node.engines.onnx_engine:OnnxEngine",
    "rtl": "dse.deploy.node.engines.rtl_engine:RtlEngine",
    "pynq": "dse.deploy.node.engines.pynq_engine:PynqEngine",
}


def make_engine(name: str) -> Engine:
    """A new engine, not yet loaded. Raises InputError, with the choices, for an unknown name."""
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}", choices=ENGINES)
    module, _, kind = ENGINES[name].partition(":")
    engine: Engine = getattr(import_module(module), kind)()
    return engine
