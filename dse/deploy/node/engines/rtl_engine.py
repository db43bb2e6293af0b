"""A part's circuit, cycle by cycle, as a program of its own."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Optional

import numpy as np

from dse.deploy.node.engines.image_codec import decode_image
from dse.deploy.node.engines.interface import Engine
from dse.errors import DseError
from finn_flows.simulation.harness_pipe import HarnessPipe


class RtlEngine(Engine):
    """``files``: the program, its memory files, ``configuration.bin`` (docs/formats.md).

    The program is a child process of the engine's. It ends with the engine, and by itself when the
    engine's process is gone.
    """

    #: More images than any part of CnvW2A2 holds at a time: it is never without one.
    depth = 8

    def __init__(self) -> None:
        self._pipe: Optional[HarnessPipe] = None

    def load(self, folder: Path, stage: dict[str, Any]) -> None:
        """See Engine. Starts the program, writes weights and thresholds, asks for the identity."""
        parameters = stage["parameters"]
        program = folder / parameters["program"]
        if parameters["machine"] != platform.machine():
            raise DseError(
                "a program for %s" % parameters["machine"],
                where=program,
                expected="one for %s, which this board is" % platform.machine(),
            )
        program.chmod(0o700)  # a copy over the network need not have kept it
        writes = np.frombuffer((folder / parameters["configuration"]).read_bytes(), dtype="<u4")
        self._pipe = HarnessPipe(program, parameters["arguments"], folder, parameters["streams"])
        self._pipe.configure(writes.reshape(-1, 3))
        identity = self._pipe.statistics()["identity"]
        if identity != parameters["identity"]:
            raise DseError(
                "the circuit says that it is %#010x" % identity,
                where=program,
                expected="%#010x" % parameters["identity"],
            )
        self._input, self._output = stage["input"], stage["output"]

    def compute(self, payload: memoryview) -> bytes:
        """See Engine. HarnessError where the circuit breaks a rule, stands still or dies."""
        self.give(payload)
        return self.take()

    def give(self, payload: memoryview) -> None:
        """See Engine."""
        decode_image(payload, self._input)  # the circuit would take values that are none
        assert self._pipe is not None
        self._pipe.send(b"IMAG", payload)

    def take(self) -> bytes:
        """See Engine. HarnessError where the circuit breaks a rule, stands still or dies."""
        assert self._pipe is not None
        result = self._pipe.receive(b"OUTP", "a result was")
        if len(result) != self._output["bytes_per_image"]:
            raise DseError(
                "the circuit gave %d bytes" % len(result),
                expected="%d" % self._output["bytes_per_image"],
            )
        return result

    @property
    def pid(self) -> Optional[int]:
        """Of the program, while it is loaded."""
        return None if self._pipe is None else self._pipe.pid

    def close(self) -> None:
        """See Engine."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
