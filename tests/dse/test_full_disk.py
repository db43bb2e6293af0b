"""A disk that fills up amid a sweep: one line, nothing half-written, then it goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dse.sweep_file import read_sweep_file
from tests.dse.sandbox import SLUGS, Sandbox
from tests.dse.test_kill import LEFTOVERS, assert_results_are_whole

ENOUGH = "50m"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of ``size`` on ``folder``; skips where mounting is not permitted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# From no room for the first point's files to no room for the last figure.
@pytest.mark.parametrize("kilobytes", [4, 120, 240, 340])
def test_a_full_disk_is_one_line_and_the_sweep_goes_on_with_room(
    sandbox: Sandbox, kilobytes: int
) -> None:
    with small_disk(sandbox.out, f"{kilobytes}k"):
        full = sandbox.sweep("--workers", "1")
        assert full.returncode == 2, full.stderr
        errors = [line for line in full.stderr.splitlines() if line.startswith("dse:")]
        assert len(errors) == 1
        assert errors[0].startswith("dse: error: ")
        assert "No space left on device" in errors[0]
        assert "Traceback" not in full.stderr
        sandbox.assert_no_process_is_left()
        done = assert_results_are_whole(sandbox.out)
        for pattern in LEFTOVERS:
            assert not list(sandbox.out.glob(pattern))
        partial = {path.name: path.read_bytes() for path in sandbox.out.iterdir() if path.is_file()}

        subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(sandbox.out)], check=True)
        before = sandbox.builds()
        assert sandbox.sweep().returncode == 0
        assert set(sandbox.builds() - before) == set(SLUGS) - done
        assert assert_results_are_whole(sandbox.out) == set(SLUGS)
        assert len(read_sweep_file(sandbox.out)) == len(SLUGS) + 1
        # What was written before the disk was full was written whole.
        for name, content in partial.items():
            assert (sandbox.out / name).read_bytes() == content, name


def test_a_disk_that_is_read_only(sandbox: Sandbox) -> None:
    with small_disk(sandbox.out, ENOUGH):
        subprocess.run(["mount", "-o", "remount,ro", str(sandbox.out)], check=True)
        result = sandbox.sweep()
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"dse: error: {sandbox.out}/store: ")
        assert "Read-only file system" in line
