"""Stands between the network and the node manager of a board: when the client is gone, however it
went, nothing of it stays on the board.

This file is run by itself, with nothing of ours installed: the client sends its text over SSH
(dse/deploy/ssh_guard.py has the other end). On standard input and output, in this order:

1. out: one line of JSON behind MARK: versions, modules, and the new working folder on the board;
2. in: one line of JSON: ``bind``, ``silence_seconds``, ``zipapp_bytes`` and ``start``, the line
   for the node manager;
3. in: the bytes of the zipapp;
4. out: whatever the node manager writes, or one line behind MARK with ``refused``;
5. in: any byte, now and then, as a sign of life.

When standard input ends, or is silent for too long (a link that is down ends nothing), or the
manager ends, every process that belongs to the folder is ended and the folder removed. Arguments:
names of modules to import; behind ``--find`` of those only to look for.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

#: Before each line of our own: the shell of a board may print a greeting.
MARK = "split-dse-guard "
#: Set for the node manager and inherited by all it starts. As in dse/deploy/board_processes.py.
FOLDER_VARIABLE = "DSE_BOARD_FOLDER"
#: A line holds a few keys and numbers; a zipapp has its own limit. More comes from nobody we know.
LONGEST_LINE = 1 << 16
LARGEST_ZIPAPP = 1 << 22
#: Of the manager's standard error: how much of its end is kept, how much of its beginning logged.
KEPT_BYTES = 4096
LARGEST_LOG = 1 << 20
#: How long the client may be silent until it has said how long it may be.
FIRST_SILENCE_SECONDS = 30.0
#: How long a manager whose standard input has ended may take to end its stages by itself.
LEAVE_SECONDS = 2.0
#: How often it is looked whether the manager still runs.
GLANCE_SECONDS = 0.2


class ClientGone(Exception):
    """Standard input ended, fell silent, or says what our client never says."""


def main(arguments: list[str]) -> int:
    signal.alarm(0)  # set by the command that ran this text, in case it never arrived
    # A connection that ends must not end the one who clears up behind it.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    manager: Manager | None = None
    folder: Path | None = None
    code = 1
    try:
        folder = Path(tempfile.mkdtemp(prefix="dse-board-")).resolve()
        _say(dict(_examine(arguments), folder=str(folder), free_bytes=_free_bytes(folder)))
        told = json.loads(_read_line(FIRST_SILENCE_SECONDS))
        zipapp = folder / "node.pyz"
        content = _read(told["zipapp_bytes"], told["silence_seconds"])
        with zipapp.open("wb") as file:
            file.write(content)
        (folder / "logs").mkdir()
        manager = Manager(zipapp, told["bind"])
        manager.tell(json.dumps(told["start"]).encode() + b"\n")
        manager.watch(told["silence_seconds"])
    except OSError as error:
        _say({"refused": error.strerror or str(error)})
    except (ClientGone, ValueError, KeyError, TypeError):
        pass  # there is nobody to tell
    finally:
        if manager is not None:
            code = manager.end()
            _say({"last_words": manager.last_line()})
        if folder is not None:
            _clear(folder)
    return code


def _say(content: dict[str, Any]) -> None:
    with suppress(OSError):
        os.write(1, (MARK + json.dumps(content) + "\n").encode())


def _examine(arguments: list[str]) -> dict[str, Any]:
    """Versions, and for each module its version, or None and why it cannot be used."""
    imported, _, found = " ".join(arguments).partition("--find")
    versions: dict[str, str | None] = {}
    reasons: dict[str, str] = {}
    for name in imported.split():
        try:
            module = import_module(name)
            if name == "zmq" and not module.has("curve"):
                raise ImportError("built without CURVE (libsodium)")
            versions[name] = str(getattr(module, "__version__", "unknown"))
        except Exception as error:
            # Whatever a broken installation raises is the answer.
            versions[name], reasons[name] = None, "{}: {}".format(type(error).__name__, error)[:200]
    for name in found.split():
        versions[name] = "unknown" if find_spec(name) is not None else None
        if versions[name] is None:
            reasons[name] = "not installed"
    return {
        "python": ".".join(str(number) for number in sys.version_info[:3]),
        "machine": os.uname().machine,
        "modules": versions,
        "reasons": reasons,
    }


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(str(folder))
    return disk.f_bavail * disk.f_frsize


def _receive(most: int, silence: float) -> bytes:
    """At least one byte of standard input."""
    if not select.select([0], [], [], silence)[0]:
        raise ClientGone
    piece = os.read(0, most)
    if not piece:
        raise ClientGone
    return piece


def _read_line(silence: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte: what follows is not part of it, and the line is short.
        line += _receive(1, silence)
        if len(line) > LONGEST_LINE:
            raise ClientGone
    return line


def _read(count: int, silence: float) -> bytes:
    if not 0 < count <= LARGEST_ZIPAPP:
        raise ClientGone
    pieces: list[bytes] = []
    while count > 0:
        pieces.append(_receive(min(count, 1 << 16), silence))
        count -= len(pieces[-1])
    return b"".join(pieces)


class Manager:
    """The node manager's process. What it writes to its standard error is read all the time: the
    end of it is kept, the beginning goes to a log as far as there is room."""

    def __init__(self, zipapp: Path, bind: str) -> None:
        folder = zipapp.parent

        def with_signals_as_usual() -> None:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)

        self._process = subprocess.Popen(
            [sys.executable, str(zipapp), "manage", "--folder", str(folder), "--bind", bind],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=str(folder),
            env=dict(os.environ, **{FOLDER_VARIABLE: str(folder)}),
            start_new_session=True,
            preexec_fn=with_signals_as_usual,
        )
        self._log = folder / "logs" / "standard-error.log"
        self._logged = 0
        self._kept = b""

    def tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended already: that is seen next
            self._process.stdin.write(line)

    def watch(self, silence: float) -> None:
        """Return when the client or the manager is gone."""
        assert self._process.stderr is not None
        errors = self._process.stderr.fileno()
        heard = time.monotonic()
        while self._process.poll() is None and time.monotonic() - heard < silence:
            ready = select.select([0, errors], [], [], GLANCE_SECONDS)[0]
            if errors in ready and not self._read_errors():
                time.sleep(GLANCE_SECONDS)  # closed, and so always ready
            if 0 in ready:
                if not os.read(0, 4096):
                    return
                heard = time.monotonic()

    def end(self) -> int:
        """Let the manager end, or end it; returns its exit code."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended already
            self._process.stdin.close()
        try:
            return self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return 1

    def last_line(self) -> str:
        """The last line that the manager wrote to its standard error, or ""."""
        assert self._process.stderr is not None
        while select.select([self._process.stderr], [], [], 0)[0] and self._read_errors():
            pass
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""

    def _read_errors(self) -> bool:
        """Whether there may be more."""
        assert self._process.stderr is not None
        piece = os.read(self._process.stderr.fileno(), 1 << 16)
        self._kept = (self._kept + piece)[-KEPT_BYTES:]
        if self._logged < LARGEST_LOG:
            self._logged += len(piece)
            with suppress(OSError), self._log.open("ab") as file:
                file.write(piece)
        return bool(piece)


def _clear(folder: Path) -> None:
    """End every process of the folder, remove the folder."""
    deadline = time.monotonic() + LEAVE_SECONDS
    while time.monotonic() < deadline:
        left = _processes(folder)
        for process in left:
            with suppress(OSError):  # it ended meanwhile
                os.kill(process, signal.SIGKILL)
        # Again where somebody wrote into it meanwhile: files may still arrive over SFTP.
        shutil.rmtree(str(folder), ignore_errors=True)
        if not left and not folder.exists():
            break
        time.sleep(0.01)


def _processes(folder: Path) -> list[int]:
    """Processes that carry the folder in their environment; this one does not."""
    marker = "{}={}".format(FOLDER_VARIABLE, folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # another user's, or ended meanwhile
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
