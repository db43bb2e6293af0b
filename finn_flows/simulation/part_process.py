"""A compiled part that runs: images go in, results come out, over the harness's pipes.

What goes over the pipes is in ``harness_pipe``.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import OutputError
from finn_flows.simulation.harness_pipe import BrokenRule, HarnessError, HarnessPipe
from finn_flows.simulation.verilator import SimulationError

if TYPE_CHECKING:
    from finn_flows.circuit.layer_circuit import Circuit

#: Cycles in which nothing at all moves, beyond the slowest layer's cycles per image, after which a
#: circuit counts as dead: no layer is silent for longer than it works on an image.
_PATIENCE_CYCLES = 10_000


@dataclass(frozen=True)
class Stalls:
    """Random pauses of the world around a part, the same for the same ``seed``.

    ``input``, ``output``: probability (0 to below 1) that in a cycle no new word is offered, and
    that no word is taken.
    """

    seed: int = 0
    input: float = 0.3
    output: float = 0.3

    def __post_init__(self) -> None:
        if not (0 <= self.input < 1 and 0 <= self.output < 1):
            raise SimulationError(
                f"stalls with probabilities {self.input:g} and {self.output:g}",
                expected="0 to less than 1",
            )


class PartProcess:
    """One running part. A context manager: leaving it ends the program, whatever it is doing.

    Use: :meth:`configure` once, then :meth:`send` images, :meth:`wait`, and :meth:`receive` one
    result for each image. With ``eager`` results come out without :meth:`wait`, which suits a
    service; without it the cycles measured depend on nothing but the images and the stalls.
    Sending never blocks: a thread of its own writes. With ``keep_full`` the last image is offered
    again and again during :meth:`wait`, so that what was measured was measured with the part full;
    no image can follow.
    """

    def __init__(
        self,
        program: Path,
        circuit: Circuit,
        *,
        stalls: Stalls | None = None,
        eager: bool = False,
        keep_full: bool = False,
        trace: Path | None = None,
        trace_image: int | None = None,
        observed: Mapping[int, int] | None = None,
        plusargs: Sequence[str] = (),
    ) -> None:
        """Start ``program``, the compiled ``circuit``.

        ``trace``: the file that a program compiled with traces writes; ``trace_image``: only
        around this image (from 0). ``observed``: elements per image of the inner streams (by
        index) that :meth:`image_ends` is to watch. ``plusargs``: for ``$value$plusargs``, without
        the ``+``.
        """
        self._circuit = circuit
        self._trace = trace
        self._folder = tempfile.TemporaryDirectory(prefix="dse-simulation-")
        for name, text in circuit.memory_files:
            (Path(self._folder.name) / name).write_text(text)
        arguments: list[object] = list(circuit_arguments(circuit))
        if stalls is not None:
            arguments += ["--seed", stalls.seed, "--stall-input", f"{stalls.input:.9f}"]
            arguments += ["--stall-output", f"{stalls.output:.9f}"]
        if eager:
            arguments.append("--eager")
        if keep_full:
            arguments.append("--keep-full")
        if trace is not None:
            check_writable(trace)
            arguments += ["--trace", trace.absolute()]
        if trace_image is not None:
            arguments += ["--trace-image", trace_image]
        for stream, elements in (observed or {}).items():
            arguments += ["--observe", f"{stream}:{elements}"]
        command = [*map(str, arguments), *(f"+{text}" for text in plusargs)]
        try:
            with self._translated():
                self._pipe = HarnessPipe(program, command, Path(self._folder.name), circuit.streams)
        except SimulationError:
            self._folder.cleanup()
            raise

    def __enter__(self) -> PartProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the program."""
        return self._pipe.pid

    # -- into the part --------------------------------------------------------------------------

    def configure(self, writes: NDArray[np.uint32] | None = None) -> None:
        """Write the weights and thresholds: the circuit's, or ``writes`` of its shape."""
        self._pipe.configure(self._circuit.configuration if writes is None else writes)

    def send(self, words: NDArray[np.uint64]) -> None:
        """Queue images: little-endian uint64 (images, input words)."""
        if words.ndim != 2 or words.shape[1] != self._circuit.input_words:
            raise SimulationError(
                f"images of shape {words.shape[1:]} for the part",
                expected=f"{self._circuit.input_words} words each",
            )
        self._pipe.send_images(words)

    def wait(self) -> None:
        """Let time run until all images sent so far are out."""
        self._pipe.send(b"WAIT")

    # -- out of the part ------------------------------------------------------------------------

    def receive(self) -> NDArray[np.uint64]:
        """The next result, uint64 (output words,), in the order of the images.

        Raises SimulationError where the circuit broke a rule or died.
        """
        with self._translated():
            return np.frombuffer(self._pipe.receive(b"OUTP", "a result was"), dtype="<u8")

    def statistics(self) -> dict[str, Any]:
        """What the harness has counted so far, once every result due was received."""
        with self._translated():
            return self._pipe.statistics()

    def image_ends(self, images: int) -> list[list[int]]:
        """Offer words until ``images`` images have passed every observed stream.

        Returns the cycles in which they had, per observed stream. Nothing else is of use after it.
        """
        self._pipe.send(b"ENDS", struct.pack("<I", images))
        with self._translated():
            payload = self._pipe.receive(b"STAT", "statistics were")
        ends: list[list[int]] = json.loads(payload)["image_ends"]
        return ends

    def finish(self) -> None:
        """End in peace: traces are complete afterwards. Raises SimulationError if that fails."""
        with self._translated():
            self._pipe.finish()

    def close(self) -> None:
        """End at once."""
        self._pipe.close()
        self._folder.cleanup()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What the pipe raises, as it is called here."""
        try:
            yield
        except HarnessError as error:
            if isinstance(error, BrokenRule) and error.rule.startswith("the trace file"):
                raise OutputError(error.rule, where=self._trace) from error
            raise SimulationError(error.message, where=error.where) from error


def circuit_arguments(circuit: Circuit) -> tuple[str, ...]:
    """What the program of ``circuit`` must be told of it on its command line."""
    values = {
        "--input-words": circuit.input_words,
        "--output-words": circuit.output_words,
        "--streams": len(circuit.streams),
        "--silent-cycles": silent_cycles(circuit),
    }
    return tuple(str(piece) for pair in values.items() for piece in pair)


def silent_cycles(circuit: Circuit) -> int:
    """After how many cycles without any transfer a circuit counts as dead."""
    return _PATIENCE_CYCLES + max((layer.cycles or 0 for layer in circuit.layers), default=0)


def check_writable(file: Path) -> None:
    """Make the folder of ``file``, and the file. OutputError where the system refuses."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=file) from error
