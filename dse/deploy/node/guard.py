"""Keeps watch beside the node manager of a board behind a network: when its client is gone, however
it went, nothing stays.

``python3 node.pyz guard --folder DIR --silence SECONDS --bind HOST`` starts the node manager, hands
it the first line of standard input, and then takes any byte there as a sign of life. When standard
input ends, or is silent for longer than that (a link that is down ends nothing), it ends the
manager and every process that belongs to the folder and removes the folder. It does the same when
the manager ends first.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import List

#: Set for the node manager and inherited by all it starts. As in dse/deploy/board_processes.py.
FOLDER_VARIABLE = "DSE_BOARD_FOLDER"
#: The first line holds two keys and a list of keys: more is no line of ours.
LONGEST_LINE = 1 << 20
#: How long a manager whose standard input has ended may take to end its stages by itself.
LEAVE_SECONDS = 2.0
#: How often it is looked whether the manager still runs.
GLANCE_SECONDS = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(prog="node.pyz guard")
    parser.add_argument("command", choices=["guard"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--silence", type=float, required=True)
    parser.add_argument("--bind", required=True)
    options = parser.parse_args()
    folder: Path = options.folder
    # A connection that ends must not end the one who clears up behind it.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    manager = None
    try:
        line = _first_line(options.silence)
        if line is None:
            return 1
        (folder / "logs").mkdir(exist_ok=True)
        with (folder / "logs" / "standard-error.log").open("wb") as errors:
            manager = _start(folder, options.bind, errors.fileno())
        assert manager.stdin is not None
        manager.stdin.write(line)
        _watch(manager, options.silence)
    except OSError as error:
        print("guard: {}".format(error), file=sys.stderr)
    finally:
        code = _clear(manager, folder)
    return code


def _start(folder: Path, bind: str, errors: int) -> "subprocess.Popen[bytes]":
    def as_started_by_a_shell() -> None:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)

    return subprocess.Popen(
        [sys.executable, sys.argv[0], "manage", "--folder", str(folder), "--bind", bind],
        stdin=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        cwd=str(folder),
        env=dict(os.environ, **{FOLDER_VARIABLE: str(folder)}),
        start_new_session=True,
        preexec_fn=as_started_by_a_shell,
    )


def _first_line(silence: float) -> "bytes | None":
    """None where standard input ends or falls silent before there is one."""
    line = b""
    deadline = time.monotonic() + silence
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([0], [], [], left)[0]:
            return None
        # Byte by byte: what follows is not part of it. It is short.
        piece = os.read(0, 1)
        if not piece or len(line) >= LONGEST_LINE:
            return None
        line += piece
    return line


def _watch(manager: "subprocess.Popen[bytes]", silence: float) -> None:
    """Return when the client or the manager is gone."""
    heard = time.monotonic()
    while manager.poll() is None and time.monotonic() - heard < silence:
        if select.select([0], [], [], GLANCE_SECONDS)[0]:
            if not os.read(0, 4096):
                return
            heard = time.monotonic()


def _clear(manager: "subprocess.Popen[bytes] | None", folder: Path) -> int:
    """End everything and remove everything; returns the manager's exit code."""
    code = 1
    if manager is not None:
        assert manager.stdin is not None
        with suppress(OSError):  # it has ended already
            manager.stdin.close()
        try:
            code = manager.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            manager.kill()
    deadline = time.monotonic() + LEAVE_SECONDS
    while time.monotonic() < deadline:
        left = _processes(folder)
        if not left:
            break
        for process in left:
            with suppress(OSError):  # it ended meanwhile
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    shutil.rmtree(str(folder), ignore_errors=True)
    return code


def _processes(folder: Path) -> List[int]:
    """Processes that carry the folder in their environment; this one does not."""
    marker = "{}={}".format(FOLDER_VARIABLE, folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # another user's, or ended meanwhile
    return found
