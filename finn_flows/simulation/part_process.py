"""A compiled part that runs: images go in, results come out, over the harness's pipes.

The messages are described at the top of ``harness/main.cpp``.
"""

from __future__ import annotations

import json
import queue
import signal
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import OutputError
from finn_flows.simulation.verilator import SimulationError

if TYPE_CHECKING:
    from finn_flows.circuit.layer_circuit import Circuit

_HEADER = struct.Struct("<4sI")
#: Of images in one message; the other end takes them word by word.
_MESSAGE_BYTES = 1 << 20
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
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        arguments = [
            *("--input-words", circuit.input_words, "--output-words", circuit.output_words),
            *("--streams", len(circuit.streams), "--silent-cycles", silent_cycles(circuit)),
        ]
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
        try:
            self._process = subprocess.Popen(
                [str(program), *map(str, arguments), *(f"+{text}" for text in plusargs)],
                cwd=self._folder.name,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            self._folder.cleanup()
            raise SimulationError(
                f"the simulation cannot be started: {error.strerror or error}", where=program
            ) from error
        self._outgoing: queue.SimpleQueue[bytes | memoryview | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def __enter__(self) -> PartProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- into the part --------------------------------------------------------------------------

    def configure(self, writes: NDArray[np.uint32] | None = None) -> None:
        """Write the weights and thresholds: the circuit's, or ``writes`` of its shape."""
        chosen = self._circuit.configuration if writes is None else writes
        for at in range(0, len(chosen), _MESSAGE_BYTES // 12):
            block = np.ascontiguousarray(chosen[at : at + _MESSAGE_BYTES // 12], dtype="<u4")
            self._send(b"CONF", block.tobytes())

    def send(self, words: NDArray[np.uint64]) -> None:
        """Queue images: little-endian uint64 (images, input words)."""
        if words.ndim != 2 or words.shape[1] != self._circuit.input_words:
            raise SimulationError(
                f"images of shape {words.shape[1:]} for the part",
                expected=f"{self._circuit.input_words} words each",
            )
        images = max(1, _MESSAGE_BYTES // (words.shape[1] * 8))
        for at in range(0, len(words), images):
            block = np.ascontiguousarray(words[at : at + images], dtype="<u8")
            self._send(b"IMAG", block.tobytes())

    def wait(self) -> None:
        """Let time run until all images sent so far are out."""
        self._send(b"WAIT", b"")

    # -- out of the part ------------------------------------------------------------------------

    def receive(self) -> NDArray[np.uint64]:
        """The next result, uint64 (output words,), in the order of the images.

        Raises SimulationError where the circuit broke a rule or died.
        """
        tag, payload = self._message()
        if tag != b"OUTP":
            raise SimulationError(f"the simulation answered {tag!r} where a result was due")
        return np.frombuffer(payload, dtype="<u8")

    def statistics(self) -> dict[str, Any]:
        """What the harness has counted so far, once every result due was received."""
        self._send(b"STAT", b"")
        tag, payload = self._message()
        if tag != b"STAT":
            raise SimulationError(f"the simulation answered {tag!r} where statistics were due")
        found: dict[str, Any] = json.loads(payload)
        return found

    def image_ends(self, images: int) -> list[list[int]]:
        """Offer words until ``images`` images have passed every observed stream.

        Returns the cycles in which they had, per observed stream. Nothing else is of use after it.
        """
        self._send(b"ENDS", struct.pack("<I", images))
        tag, payload = self._message()
        if tag != b"STAT":
            raise SimulationError(f"the simulation answered {tag!r} where statistics were due")
        ends: list[list[int]] = json.loads(payload)["image_ends"]
        return ends

    def finish(self) -> None:
        """End in peace: traces are complete afterwards. Raises SimulationError if that fails."""
        self._outgoing.put(None)
        assert self._process.stdout is not None
        rest = self._process.stdout.read()
        if rest.startswith(b"FAIL"):
            raise self._broken_rule(rest[_HEADER.size :])
        if self._process.wait() != 0:
            raise self._death()

    def close(self) -> None:
        """End at once."""
        self._process.kill()
        self._process.wait()
        self._outgoing.put(None)
        self._writer.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()

    # -- messages -------------------------------------------------------------------------------

    def _send(self, tag: bytes, payload: bytes) -> None:
        self._outgoing.put(_HEADER.pack(tag, len(payload)) + payload)

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        # A part that died is noticed where its answer is missing.
        with suppress(BrokenPipeError):
            while (block := self._outgoing.get()) is not None:
                pipe.write(block)
                pipe.flush()
        with suppress(BrokenPipeError):
            pipe.close()

    def _message(self) -> tuple[bytes, bytes]:
        assert self._process.stdout is not None
        header = self._process.stdout.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise self._death()
        tag, length = _HEADER.unpack(header)
        payload = self._process.stdout.read(length)
        if len(payload) < length:
            raise self._death()
        if tag == b"FAIL":
            raise self._broken_rule(payload)
        return tag, payload

    def _broken_rule(self, payload: bytes) -> SimulationError | OutputError:
        found = json.loads(payload)
        if found["rule"].startswith("the trace file"):
            return OutputError(found["rule"], where=self._trace)
        place = f"image {found['image']}, word {found['word']}, cycle {found['cycle']}"
        if found["rule"] != "deadlock":
            names = self._names()
            stream = f" ({names[found['stream']]})" if "stream" in found else ""
            return SimulationError(f"{found['rule']}{stream}: {place}")
        blocked, empty = (self._listed(found[what]) for what in ("blocked", "empty"))
        return SimulationError(
            f"deadlock, nothing moves: {place}; blocked: {blocked}; without data: {empty}"
        )

    def _listed(self, streams: list[int]) -> str:
        return ", ".join(self._names()[index] for index in streams) or "none"

    def _names(self) -> list[str]:
        return [*self._circuit.streams, "s_axis_0", "m_axis_0"]

    def _death(self) -> SimulationError:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        if code < 0:
            return SimulationError(
                f"the simulation was ended by {signal.Signals(-code).name}{said}"
            )
        return SimulationError(f"the simulation ended with exit code {code}{said}")


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
