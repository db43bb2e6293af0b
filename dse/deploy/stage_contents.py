"""What makes a stage's files, by engine."""

from __future__ import annotations

from importlib import import_module

from dse.deploy.stage_request import StageContents, StageRequest
from dse.errors import InputError

#: Engine name -> module:function. The board's side is dse/deploy/node/engines/__init__.py.
CONTENTS = {
    "onnx": "dse.deploy.onnx_stage:onnx_contents",
    "rtl": "dse.deploy.rtl_stage:rtl_contents",
    "pynq": "dse.deploy.pynq_stage:pynq_contents",
}


def stage_contents(engine: str, request: StageRequest) -> StageContents:
    """The files of one stage. Raises InputError, with the choices, for an unknown engine, and a
    DseError saying what the engine lacks."""
    if engine not in CONTENTS:
        raise InputError(f"unknown engine {engine!r}", choices=CONTENTS)
    module, _, function = CONTENTS[engine].partition(":")
    made: StageContents = getattr(import_module(module), function)(request)
    return made
