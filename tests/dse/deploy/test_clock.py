"""A clock that jumps changes nothing: no deadline of the board side goes by it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dse.deploy.node
from tests.dse.sandbox import PROJECT

NODE = Path(dse.deploy.node.__file__).parent
#: Reads of the wall clock, and waits that go by it before Python 3.11: module -> names.
FORBIDDEN = {
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime"},
    "datetime": {"datetime", "date"},
    "queue": {"Queue", "SimpleQueue"},
    "threading": {"Condition", "Timer", "Barrier"},
}


def names(tree: ast.AST) -> set[tuple[str, str]]:
    """(module, name) of whatever a file takes out of a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add((node.value.id, node.attr))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(node.module, name.name) for name in node.names}
    return found


@pytest.mark.parametrize("path", sorted(NODE.rglob("*.py")), ids=lambda path: path.stem)
def test_the_board_side_never_asks_what_time_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    used = {
        f"{module}.{name}" for module, name in names(tree) if name in FORBIDDEN.get(module, set())
    }
    assert not used
    # Event.wait, Thread.join and Lock.acquire with an end.
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            ends = [word.arg for word in node.keywords if word.arg == "timeout"]
            assert not ends or node.func.attr == "create_connection", ast.dump(node)


def test_the_check_itself_finds_what_it_looks_for() -> None:
    tree = ast.parse("import time\nfrom datetime import datetime\ntime.time()\n")
    assert {("time", "time"), ("datetime", "datetime")} <= names(tree)


#: In front of the C library: the wall clock is off by as many seconds as a file says, once it is
#: there. Monotonic clocks and waits are the kernel's, as when someone sets the time. (libfaketime
#: changes the waits, too, which no kernel does.)
JUMPING_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
  const char *path = getenv("JUMPING_CLOCK");
  FILE *file = path ? fopen(path, "r") : NULL;
  long seconds = 0;
  if (file) {
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
  }
  return seconds;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, now);
  if (!result && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  int result = clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return result;
}

time_t time(time_t *where) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (where) *where = exact.tv_sec;
  return exact.tv_sec;
}
"""


@pytest.fixture(scope="module")
def jumping_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(JUMPING_CLOCK)
    library = folder / "clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, folder / "clock.c", "-ldl"], check=True
    )
    return library


@pytest.mark.slow
@pytest.mark.parametrize("years", [-20, 20])
def test_jobs_are_done_while_the_clock_jumps(
    jumping_clock: Path, tmp_path: Path, years: int
) -> None:
    """Of the client, the managers and the stages: during a job, in which nothing else is wrong."""
    clock = tmp_path / "clock"
    folder = tmp_path / "rig"
    folder.mkdir()
    seconds = str(years * 365 * 86400)
    done = subprocess.run(
        [sys.executable, "-m", "tests.dse.deploy.clock_client", str(folder), str(clock), seconds],
        cwd=PROJECT,
        env={**os.environ, "LD_PRELOAD": str(jumping_clock), "JUMPING_CLOCK": str(clock)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) == years
