"""The harness of a compiled part, from outside: the program, and the messages on its pipes.

The messages are described at the top of ``harness/main.cpp``. Only numpy is imported, and only
syntax of Python 3.8 is used: this file runs on the boards, too.
"""

from __future__ import annotations

import json
import queue
import signal
import struct
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Optional, Sequence, Union

import numpy as np

from dse.errors import DseError

_HEADER = struct.Struct("<4sI")
#: Of images in one message; the other end takes them word by word.
_MESSAGE_BYTES = 1 << 20


class HarnessError(DseError):
    """The program cannot be started, has died, or does not answer what was asked."""


class BrokenRule(HarnessError):
    """The program ended because a rule was broken. ``rule``: which, in the harness's words."""

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


class HarnessPipe:
    """One running program. It ends when :meth:`close` is called, and when the caller is gone,
    however it went: its standard input is a pipe that nobody else holds, and at the end of that it
    finishes the images that it has and leaves.

    Sending never blocks: a thread of its own writes.
    """

    def __init__(
        self, program: Path, arguments: Sequence[str], folder: Path, streams: Sequence[str]
    ) -> None:
        """Start ``program`` in ``folder``, where its memory files are.

        ``streams``: names of the part's inner streams, for messages. Raises HarnessError where it
        cannot be started.
        """
        self._names = [*streams, "s_axis_0", "m_axis_0"]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        try:
            self._process = subprocess.Popen(
                [str(program), *arguments],
                cwd=str(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            raise HarnessError(
                "the simulation cannot be started: %s" % (error.strerror or error), where=program
            ) from error
        self._outgoing: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    @property
    def pid(self) -> int:
        """Of the program."""
        return self._process.pid

    # -- into the part --------------------------------------------------------------------------

    def configure(self, writes: np.ndarray) -> None:
        """Write weights and thresholds: uint32 (writes, 3) of layer, address, data."""
        for at in range(0, len(writes), _MESSAGE_BYTES // 12):
            block = np.ascontiguousarray(writes[at : at + _MESSAGE_BYTES // 12], dtype="<u4")
            self.send(b"CONF", block.tobytes())

    def send_images(self, words: np.ndarray) -> None:
        """Queue images: little-endian uint64 (images, input words)."""
        images = max(1, _MESSAGE_BYTES // (words.shape[1] * 8))
        for at in range(0, len(words), images):
            block = np.ascontiguousarray(words[at : at + images], dtype="<u8")
            self.send(b"IMAG", block.tobytes())

    def send(self, tag: bytes, payload: Union[bytes, memoryview] = b"") -> None:
        """Queue one message. ``tag``: four characters."""
        self._outgoing.put(_HEADER.pack(tag, len(payload)) + payload)

    # -- out of the part ------------------------------------------------------------------------

    def receive(self, expected: bytes, what: str) -> bytes:
        """The payload of the next message, whose tag must be ``expected``.

        ``what``: what was due, in words, for the HarnessError otherwise. BrokenRule where the
        program ended because of one.
        """
        tag, payload = self._message()
        if tag != expected:
            raise HarnessError("the simulation answered %r where %s due" % (tag, what))
        return payload

    def statistics(self) -> dict[str, Any]:
        """What the harness has counted so far, once every result due was received."""
        self.send(b"STAT")
        found: dict[str, Any] = json.loads(self.receive(b"STAT", "statistics were"))
        return found

    def finish(self) -> None:
        """End in peace. Raises HarnessError if that fails."""
        self._outgoing.put(None)
        assert self._process.stdout is not None
        rest = self._process.stdout.read()
        if rest.startswith(b"FAIL"):
            raise self._broken_rule(rest[_HEADER.size :])
        if self._process.wait() != 0:
            raise self._death()

    def close(self) -> None:
        """End at once, whatever it is doing. May be called again."""
        self._process.kill()
        self._process.wait()
        self._outgoing.put(None)
        self._writer.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    # -- messages -------------------------------------------------------------------------------

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        # A part that died is noticed where its answer is missing.
        with suppress(BrokenPipeError):
            block = self._outgoing.get()
            while block is not None:
                pipe.write(block)
                pipe.flush()
                block = self._outgoing.get()
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

    def _broken_rule(self, payload: bytes) -> BrokenRule:
        found = json.loads(payload)
        rule = found["rule"]
        place = "image %d, word %d, cycle %d" % (found["image"], found["word"], found["cycle"])
        if rule != "deadlock":
            stream = " (%s)" % self._names[found["stream"]] if "stream" in found else ""
            return BrokenRule(rule, "%s%s: %s" % (rule, stream, place))
        blocked, empty = (self._listed(found[what]) for what in ("blocked", "empty"))
        return BrokenRule(
            rule,
            "deadlock, nothing moves: %s; blocked: %s; without data: %s" % (place, blocked, empty),
        )

    def _listed(self, streams: Sequence[int]) -> str:
        return ", ".join(self._names[index] for index in streams) or "none"

    def _death(self) -> HarnessError:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        said = ": " + lines[-1] if lines else ""
        if code < 0:
            name = signal.Signals(-code).name
            return HarnessError("the simulation was ended by %s%s" % (name, said))
        return HarnessError("the simulation ended with exit code %d%s" % (code, said))
