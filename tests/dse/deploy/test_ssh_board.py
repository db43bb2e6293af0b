"""Boards behind a real sshd: up, filled, down, and nothing left on them, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from dse.deploy import ssh_guard
from dse.deploy.board_check import check_boards
from dse.deploy.board_processes import FOLDER_VARIABLE
from dse.deploy.key_files import ClientKeys
from dse.deploy.node import guard
from dse.deploy.node.engines import ENGINES
from dse.deploy.node_start import NodeStart
from dse.deploy.ssh_board import ENGINE_MODULES, SshBoard
from dse.errors import DeployError, InputError
from tests.dse.deploy.ssh_hosts import PORT, SshHost
from tests.dse.sandbox import PROJECT

KEY = ClientKeys.new().public


def folder_of(board: SshBoard) -> Path:
    assert board.folder is not None
    return Path(board.folder)


def test_it_comes_up_takes_files_gives_logs_and_goes_down(
    host: SshHost, stage_folder: Path, tmp_path: Path
) -> None:
    with SshBoard(host.entry(), client_key=KEY) as board:
        address = board.start()
        place = urlsplit(address.control)
        assert (place.hostname, address.data_host) == (host.address, host.address)
        assert place.port is not None
        with socket.create_connection((host.address, place.port), timeout=5) as connection:
            assert connection.recv(1) == b"\xff"  # the first byte of ZMTP's greeting
        folder = folder_of(board)
        assert folder.parent == host.temporary
        assert folder.stat().st_mode & 0o077 == 0
        copy = Path(board.put(stage_folder, "stage0"))
        assert copy == folder / "parts" / "stage0"
        for name in ("pipeline.json", "deep/part.onnx"):
            assert (copy / name).read_bytes() == (stage_folder / name).read_bytes()
        with pytest.raises(DeployError, match=r"board left: has a stage0 already"):
            board.put(stage_folder, "stage0")
        with pytest.raises(InputError, match="cannot name a stage's folder"):
            board.put(stage_folder, "../stage1")
        with pytest.raises(DeployError, match=r"board left: .*No such file"):
            board.put(stage_folder / "none", "stage1")
        (folder / "logs" / "stage.log").write_text("computing\n")
        logs = board.collect(tmp_path / "logs")
        assert (tmp_path / "logs" / "left" / "stage.log") in logs
        assert (tmp_path / "logs" / "left" / "stage.log").read_text() == "computing\n"
        with pytest.raises(DeployError, match="is up already"):
            board.start()
    assert host.leftovers() == []
    board.stop()
    assert board.collect(tmp_path) == []
    with pytest.raises(DeployError, match="is not up"):
        board.put(stage_folder, "stage0")
    board.start()
    board.stop()


def test_several_start_at_the_same_time(hosts: list[SshHost]) -> None:
    boards = [
        SshBoard(host.entry(name=f"{host.name}{index}"), client_key=KEY)
        for host in hosts
        for index in range(2)
    ]
    with ThreadPoolExecutor(len(boards)) as threads:
        addresses = list(threads.map(SshBoard.start, boards))
        assert len({address.control for address in addresses}) == len(boards)
        assert all(len(host.files()) == 2 for host in hosts)
        list(threads.map(SshBoard.stop, boards))


def test_hosts_reach_each_other(hosts: list[SshHost]) -> None:
    """As stages do, once boards are up; of the cable that is pulled nobody hears."""
    left, right = hosts

    def connect(seconds: float) -> int:
        program = f"import socket; socket.create_connection(({right.address!r}, {PORT}), {seconds})"
        command = ["ip", "netns", "exec", left.namespace, sys.executable, "-c", program]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode

    # A cable that has just been plugged in may lose the first question of who is where.
    assert connect(5.0) == 0
    right.link_down()
    assert connect(0.3) == 1
    right.link_up()
    assert connect(5.0) == 0


def test_its_secret_is_on_no_command_line(host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    told = NodeStart.with_new_keys([KEY], 3.0)
    monkeypatch.setattr(NodeStart, "with_new_keys", lambda *_: told)
    with SshBoard(host.entry(), client_key=KEY) as board:
        assert board.start().server_key == told.public_key
        assert len(host.processes()) >= 2
        for process in host.processes():
            assert told.secret_key not in " ".join(process.cmdline())
            assert told.secret_key not in str(process.environ())
        for file in folder_of(board).rglob("*"):
            assert not file.is_file() or told.secret_key.encode() not in file.read_bytes()


@contextmanager
def client_in_its_own_process(host: SshHost) -> Iterator[subprocess.Popen[str]]:
    """A client whose board is up on the host."""
    file = host.folder / "boards.toml"
    file.write_text(host.toml())
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.dse.deploy.killed_client", str(file), host.name],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert client.stdout is not None
        assert Path(client.stdout.readline().strip()).parent == host.temporary
        assert host.processes()
        yield client
    finally:
        client.kill()
        client.communicate()


def test_nothing_is_left_when_the_client_is_killed(host: SshHost) -> None:
    with client_in_its_own_process(host) as client:
        client.kill()
        client.wait()
        host.assert_nothing_is_left()


@pytest.mark.slow
def test_nothing_is_left_when_the_client_is_killed_at_any_time(host: SshHost) -> None:
    file = host.folder / "boards.toml"
    file.write_text(host.toml())
    for step in range(40):
        client = subprocess.Popen(
            [sys.executable, "-m", "tests.dse.deploy.killed_client", str(file), host.name],
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.2 + step / 40)
        client.kill()
        client.wait()
        host.assert_nothing_is_left()


def manager_and_guard(host: SshHost) -> tuple[psutil.Process, psutil.Process]:
    (manager,) = [one for one in host.processes() if "manage" in one.cmdline()]
    parent = manager.parent()
    assert parent is not None
    return manager, parent


def test_nothing_is_left_when_the_manager_is_killed(host: SshHost, stage_folder: Path) -> None:
    """Not even a process that it started into a group of its own."""
    with SshBoard(host.entry(), client_key=KEY) as board:
        board.start()
        stray = subprocess.Popen(
            ["sleep", "600"],
            env={**os.environ, FOLDER_VARIABLE: str(folder_of(board))},
            start_new_session=True,
        )
        manager, _ = manager_and_guard(host)
        manager.kill()
        assert stray.wait(10) == -signal.SIGKILL
        host.assert_nothing_is_left()
        with pytest.raises(DeployError, match="board left: "):
            board.put(stage_folder, "stage0")
        assert host.leftovers() == []


def test_nothing_is_left_when_the_guard_is_killed(host: SshHost) -> None:
    with SshBoard(host.entry(), client_key=KEY) as board:
        board.start()
        _, watcher = manager_and_guard(host)
        watcher.kill()
        host.assert_nothing_is_left()


@pytest.mark.slow
def test_nothing_is_left_when_the_manager_hangs(host: SshHost) -> None:
    with SshBoard(host.entry(), client_key=KEY) as board:
        board.start()
        manager, _ = manager_and_guard(host)
        manager.send_signal(signal.SIGSTOP)
        board.stop()
        assert host.leftovers() == []


def test_nothing_is_left_when_the_link_goes_down(
    host: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there hears that the connection ended; the silence tells."""
    monkeypatch.setattr(ssh_guard, "SIGN_SECONDS", 0.2)
    monkeypatch.setattr(ssh_guard, "LEAVE_SECONDS", 0.3)
    with SshBoard(host.entry(), client_key=KEY, silence_seconds=0.8) as board:
        board.start()
        time.sleep(1.0)  # longer than the silence that it bears: the client does give signs
        assert host.leftovers()
        host.link_down()
        host.assert_nothing_is_left(seconds=5)
        begun = time.monotonic()
        board.stop()
        assert time.monotonic() - begun < 3


def test_boards_are_checked(hosts: list[SshHost], tmp_path: Path) -> None:
    left, right = hosts
    found = check_boards(
        [
            left.entry(),
            right.entry(engine="rtl"),
            right.entry(name="pynq", engine="pynq"),
            left.entry(name="gone", port=PORT + 1),
        ]
    )
    assert [board.error is None for board in found] == [True, True, False, False]
    assert found[0].python == ".".join(map(str, sys.version_info[:3]))
    assert set(found[0].modules) == {"zmq", "numpy", "onnxruntime"}
    assert all(found[0].modules.values())
    assert set(found[1].modules) == {"zmq", "numpy"}
    assert found[2].modules["pynq"] is None
    assert "pynq" in (found[2].error or "")
    assert found[0].round_trip_seconds is not None
    assert 0 < found[0].round_trip_seconds < 1
    assert found[0].free_bytes is not None
    free = shutil.disk_usage(left.temporary).free
    assert abs(found[0].free_bytes - free) < 0.2 * free
    assert (found[3].python, found[3].free_bytes, found[3].round_trip_seconds) == (None,) * 3


def test_what_guard_and_client_have_in_common_is_the_same() -> None:
    assert guard.FOLDER_VARIABLE == FOLDER_VARIABLE
    assert set(ENGINE_MODULES) == set(ENGINES)
    loader = ssh_guard._LOADER.format(oldest=ssh_guard.OLDEST_PYTHON, mark=guard.MARK)
    assert not set(loader) & set("\n!")


@pytest.mark.parametrize("content", [b"", b"x", b"import time\nprint(", b"\0", b"\0{}\n"])
def test_a_guard_that_hears_nonsense_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    """The loader with an input that ends early; the guard with what no client says."""
    loader = ssh_guard._LOADER.format(oldest=ssh_guard.OLDEST_PYTHON, mark=guard.MARK)
    text = Path(guard.__file__).read_bytes()
    for sent in (content, text + content, text[: len(text) // 2]):
        subprocess.run(
            [sys.executable, "-c", loader, "numpy"],
            input=sent,
            capture_output=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            timeout=20,
        )
        assert list(tmp_path.iterdir()) == []
