"""Looking at, and ending, the processes of tools, told by the folder they work in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

#: Yosys takes ten seconds to its logic optimiser, and many times that on a busy machine.
SECONDS = 180.0


def processes_below(folder: Path) -> list[psutil.Process]:
    """Processes (not zombies) that work somewhere below ``folder``: a tool and what it started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_for(name: str, folder: Path) -> psutil.Process:
    """The process below ``folder`` with ``name`` in its command, once there is one."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for process in processes_below(folder):
            try:
                # The command proper: a shell has the name of what it starts in its arguments.
                if any(name in Path(word).name for word in process.cmdline()[:3]):
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.01)
    raise AssertionError(f"no process {name} below {folder} in {SECONDS:.0f} s")


def assert_none_is_left(folder: Path) -> None:
    """Nothing works below ``folder`` any more; a killed process may take a moment to go."""
    end = time.monotonic() + 5
    while processes_below(folder):
        assert time.monotonic() < end, processes_below(folder)
        time.sleep(0.02)


@contextmanager
def signal_sent(number: int, name: str, folder: Path) -> Iterator[None]:
    """While the block runs, send a signal to the first process ``name`` below ``folder``."""
    thread = threading.Thread(target=lambda: wait_for(name, folder).send_signal(number))
    thread.start()
    try:
        yield
    finally:
        thread.join()
