"""An emulated board: up, filled, down, and nothing of it left, whoever dies first."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from dse.deploy import local_board
from dse.deploy.board_processes import FOLDER_VARIABLE, board_processes
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.node_start import NodeStart
from dse.errors import DeployError, InputError
from tests.dse.sandbox import PROJECT
from tests.dse.test_full_disk import small_disk

KEY = ClientKeys.new().public


def assert_gone(folder: Path, seconds: float = 10.0) -> None:
    """No process and no file of the board, after a moment."""
    deadline = time.monotonic() + seconds
    while (left := board_processes(folder)) or folder.exists():
        assert time.monotonic() < deadline, (left, folder)
        time.sleep(0.02)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary folders; empty again after the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def board(temporary: Path) -> Iterator[LocalBoard]:
    with LocalBoard("left", "onnx", client_key=KEY) as board:
        yield board


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A stage's folder."""
    folder = tmp_path / "part"
    (folder / "deep").mkdir(parents=True)
    (folder / "pipeline.json").write_text("{}")
    (folder / "deep" / "part.onnx").write_bytes(os.urandom(100_000))
    return folder


def folder_of(board: LocalBoard) -> Path:
    assert board.folder is not None
    return board.folder


def manager_of(board: LocalBoard) -> psutil.Process:
    assert board.manager_pid is not None
    return psutil.Process(board.manager_pid)


def test_it_comes_up_and_goes_down(board: LocalBoard, tmp_path: Path) -> None:
    assert (board.folder, board.manager_pid, board.answer) == (None, None, None)
    address = board.start()
    place = urlsplit(address.control)
    assert (place.scheme, place.hostname, address.data_host) == ("tcp", "127.0.0.1", "127.0.0.1")
    assert board.answer is not None
    assert board.answer.pid == board.manager_pid
    assert place.port == board.answer.port
    assert place.port is not None
    with socket.create_connection(("127.0.0.1", place.port), timeout=5) as connection:
        assert connection.recv(1) == b"\xff"  # the first byte of ZMTP's greeting
    with pytest.raises(DeployError, match="board left: is up already"):
        board.start()
    folder, manager = folder_of(board), manager_of(board)
    assert folder.stat().st_mode & 0o077 == 0
    assert os.getpgid(manager.pid) != os.getpgid(0)
    assert os.getsid(manager.pid) != os.getsid(0)
    board.stop()
    assert not manager.is_running()
    assert_gone(folder, 0)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", place.port), timeout=5)
    board.stop()
    assert board.collect(tmp_path / "logs") == []
    with pytest.raises(DeployError, match="board left: is not up"):
        board.put(tmp_path, "x")
    board.start()  # again, with other keys
    assert folder_of(board) != folder


@pytest.mark.parametrize("core", [None, 0, 1, 100])
def test_a_board_may_have_one_core(core: int | None) -> None:
    cores = sorted(os.sched_getaffinity(0))
    with LocalBoard("one", "onnx", client_key=KEY, core=core) as board:
        board.start()
        assert board.manager_pid is not None
        expected = set(cores) if core is None else {cores[core % len(cores)]}
        assert os.sched_getaffinity(board.manager_pid) == expected
    assert sorted(os.sched_getaffinity(0)) == cores, "the client keeps all of its own"


def test_its_secret_is_on_no_command_line(
    board: LocalBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = NodeStart.with_new_keys([KEY], 3.0)
    monkeypatch.setattr(NodeStart, "with_new_keys", lambda *_: told)
    assert board.start().server_key == told.public_key
    for process in board_processes(folder_of(board)):
        assert told.secret_key not in " ".join(process.cmdline())
        assert told.secret_key not in str(process.environ())
    assert told.secret_key not in repr(told)
    for file in folder_of(board).rglob("*"):
        assert not file.is_file() or told.secret_key.encode() not in file.read_bytes()


def test_what_is_put_shares_no_byte_with_the_original(board: LocalBoard, part: Path) -> None:
    board.start()
    copy = Path(board.put(part, "stage0"))
    assert copy.is_absolute()
    assert copy.parent == folder_of(board) / "parts"
    original = part / "deep" / "part.onnx"
    content = original.read_bytes()
    assert (copy / "deep" / "part.onnx").read_bytes() == content
    assert (copy / "pipeline.json").read_bytes() == b"{}"
    with (copy / "deep" / "part.onnx").open("r+b") as file:
        file.write(bytes([content[0] ^ 1]))
    assert original.read_bytes() == content
    with pytest.raises(DeployError, match="board left: has a stage0 already"):
        board.put(part, "stage0")
    for name in ("../stage", "", ".", "a/b", "-rf", "x" * 65, "a b"):
        with pytest.raises(InputError, match="cannot name a stage's folder"):
            board.put(part, name)
    with pytest.raises(DeployError, match="No such file"):
        board.put(part / "none", "other")
    assert [path.name for path in copy.parent.iterdir()] == ["stage0"]


def test_logs_are_collected(board: LocalBoard, tmp_path: Path) -> None:
    board.start()
    (folder_of(board) / "logs" / "stage.log").write_text("computing\n")
    logs = board.collect(tmp_path / "logs")
    assert tmp_path / "logs" / "left" / "stage.log" in logs
    assert (tmp_path / "logs" / "left" / "stage.log").read_text() == "computing\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployError, match="board left: logs cannot be copied"):
        board.collect(tmp_path / "file")


def test_it_does_not_depend_on_where_it_is_started(
    board: LocalBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("zmq", "numpy", "json", "dse"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    board.start()


def test_processes_in_groups_of_their_own_end_too(board: LocalBoard) -> None:
    """Even those that know nothing of their parent's death and refuse to be asked."""
    board.start()
    folder = folder_of(board)
    stray = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); "
         "print(flush=True); time.sleep(600)"],
        env={**os.environ, FOLDER_VARIABLE: str(folder)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    bystander = subprocess.Popen(
        ["sleep", "600"], env={**os.environ, FOLDER_VARIABLE: f"{folder}x"}
    )
    try:
        assert stray.stdout is not None
        assert stray.stdout.readline() == b"\n"
        board.stop()
        assert stray.wait(1) == -signal.SIGKILL
        assert bystander.poll() is None
    finally:
        for process in (stray, bystander):
            process.kill()
            process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_manager_that_is_dead_or_deaf_is_stopped(
    board: LocalBoard, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_board, "LEAVE_SECONDS", 0.3)
    board.start()
    folder, manager = folder_of(board), manager_of(board)
    manager.send_signal(number)
    begun = time.monotonic()
    board.stop()
    assert time.monotonic() - begun < 5
    assert not manager.is_running()
    assert_gone(folder, 0)


def test_nothing_is_left_when_the_client_is_killed() -> None:
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.dse.deploy.killed_client"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert client.stdout is not None
        folder = Path(client.stdout.readline().strip())
        assert folder.is_absolute()
        assert board_processes(folder)
    finally:
        client.kill()
        client.communicate()
    assert_gone(folder)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("raise SystemExit('no luck today')", "ended before it was up: no luck today"),
        ("pass", "the node manager ended before it was up"),
        ("import time; time.sleep(600)", "did not come up within 0.5 s"),
        ("print('hello', flush=True); input(); input()", "answered b'hello\\n'"),
        ("print('x' * 100_000, flush=True); input(); input()", "the node manager answered b'xxx"),
        ("print('{\"port\": 0}', flush=True); input(); input()", "expected one JSON line"),
    ],
)
def test_a_manager_that_does_not_come_up_is_one_line(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, program: str, expected: str
) -> None:
    def build(target: Path) -> Path:
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("__main__.py", program)
        return target

    monkeypatch.setattr(local_board, "build_node_zipapp", build)
    monkeypatch.setattr(local_board, "LEAVE_SECONDS", 0.1)
    patience = 0.5 if "sleep" in program else 60.0
    board = LocalBoard("left", "onnx", client_key=KEY, start_seconds=patience)
    with pytest.raises(DeployError) as error:
        board.start()
    assert str(error.value).startswith("board left: ")
    assert expected in str(error.value)
    assert board.folder is None


@pytest.mark.parametrize("kilobytes", [4, 40, 80, 400])
def test_a_full_disk_is_one_line(
    tmp_path: Path, part: Path, kilobytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for a byte, for the program, for what it unpacks, for a part."""
    (part / "large").write_bytes(bytes(400_000))
    disk = tmp_path / "disk"
    with small_disk(disk, f"{kilobytes}k"):
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with LocalBoard("left", "onnx", client_key=KEY) as board:

            def start_and_put() -> None:
                board.start()
                assert kilobytes == 400
                board.put(part, "stage0")

            with pytest.raises(DeployError, match=r"^board left: .*No space left on device"):
                start_and_put()
            if board.folder is not None:
                assert list((board.folder / "parts").iterdir()) == []
        assert list(disk.iterdir()) == []
