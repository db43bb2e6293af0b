"""A board that cannot be used says why in one line, and nothing is left on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dse.deploy.boards_file import BoardEntry
from dse.deploy.key_files import ClientKeys
from dse.deploy.ssh_board import SshBoard
from dse.errors import DeployError
from tests.dse.deploy.ssh_hosts import PORT, SshHost

KEY = ClientKeys.new().public


def error_of(entry: BoardEntry) -> str:
    """Why the board does not come up, without the name of the board."""
    with SshBoard(entry, client_key=KEY) as board:
        with pytest.raises(DeployError) as error:
            board.start()
        assert board.folder is None
    line = str(error.value)
    assert "\n" not in line
    return line.removeprefix(f"board {entry.name}: ")


def test_host_keys_are_strict(host: SshHost, hosts: list[SshHost], tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    other.write_text(host.known_hosts.read_text().split()[0] + " ")
    with other.open("a") as file:
        file.write(" ".join(hosts[1].known_hosts.read_text().split()[1:]) + "\n")
    said = error_of(host.entry(known_hosts=other))
    assert said.startswith(f"the host key of {host.address}:{PORT} is not the one in {other}")
    said = error_of(host.entry(known_hosts=hosts[1].known_hosts))
    assert said.startswith(f"the host key of {host.address}:{PORT} is not known")
    assert f"ssh-keyscan -p {PORT} {host.address}" in said
    nowhere = SshBoard(host.entry(known_hosts=tmp_path / "none"), client_key=KEY)
    with pytest.raises(DeployError, match="there is no such file of host keys"):
        nowhere.start()
    # Where no file is named it is the user's, which is not there.
    assert "/.ssh/known_hosts (" in error_of(host.entry(known_hosts=None))
    # Of another kind than the one that is known: changed, too.
    kind = tmp_path / "other_kind"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(kind)], check=True)
    other.write_text(f"[{host.address}]:{PORT} {Path(f'{kind}.pub').read_text()}")
    assert "is not the one in" in error_of(host.entry(known_hosts=other))


def test_the_ssh_configuration_counts_but_cannot_switch_the_check_off(
    host: SshHost, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir()
    configuration = (
        f"Host rack\n  HostName {host.address}\n  Port {PORT}\n  User root\n"
        f"  IdentityFile {host.key}\n"
    )
    (folder / "config").write_text(
        configuration + f"  UserKnownHostsFile {host.known_hosts}\n  HostKeyAlias {host.address}\n"
    )
    plain = BoardEntry("left", "rack", "onnx", python=sys.executable)
    with SshBoard(plain, client_key=KEY) as board:
        assert board.start().data_host == host.address
    (folder / "config").write_text(
        configuration + "  UserKnownHostsFile none\n  StrictHostKeyChecking no\n"
    )
    assert "the host key of rack:2222 is not known" in error_of(plain)
    (folder / "config").write_text("Host rack\n  Port x\n")
    assert "Port" in error_of(plain)


def test_who_is_not_let_in_is_told(host: SshHost, tmp_path: Path) -> None:
    other = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    said = error_of(host.entry(key=other))
    assert said.startswith(f"{host.address}:{PORT} does not let user root in with {other}")
    said = error_of(host.entry(user="nobody-of-this-name"))
    assert "does not let user nobody-of-this-name in" in said
    assert "with any key of yours" in error_of(host.entry(key=None))
    for content, expected in (("no key", "not a private ssh key"), (None, "cannot be read")):
        file = tmp_path / "key"
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content)
        assert expected in error_of(host.entry(key=file))
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked], check=True)
    assert "one with a passphrase belongs in the ssh agent" in error_of(host.entry(key=locked))


def test_a_board_that_cannot_be_reached(host: SshHost) -> None:
    assert "refused" in error_of(host.entry(port=PORT + 1))
    host.link_down()
    board = SshBoard(host.entry(), client_key=KEY, connect_seconds=0.5)
    with pytest.raises(DeployError) as error:
        board.start()
    said = str(error.value).removeprefix("board left: ")
    assert said == f"cannot be reached: {host.address}:{PORT} does not answer within 0.5 s"
    host.link_up()


def program(path: Path, text: str) -> str:
    """An executable with this text."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_board_without_what_a_node_needs(host: SshHost, tmp_path: Path) -> None:
    assert error_of(host.entry(python="/none/python3")).startswith(
        "there is no /none/python3 that runs: "
    )
    assert "expected Python 3.8 or newer" in error_of(host.entry(python="no-such-python"))
    old = program(
        tmp_path / "old python",
        f"#!{sys.executable}\nimport sys\nsys.version_info = (3, 6, 9)\nexec(sys.argv[2])\n",
    )
    assert error_of(host.entry(python=old)) == f"{old} is Python 3.6; expected 3.8 or newer"
    bare = program(tmp_path / "bare", f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    said = error_of(host.entry(python=bare))
    assert said.startswith(f"{bare} cannot use zmq: ModuleNotFoundError: No module named 'zmq'")
    assert said.endswith("expected pyzmq, which a node needs")
    library = tmp_path / "library"
    (library / "numpy").mkdir(parents=True)
    (library / "numpy" / "__init__.py").write_text("raise ImportError('libopenblas.so.0')")
    broken = program(
        tmp_path / "broken", f'#!/bin/sh\nPYTHONPATH={library} exec {sys.executable} "$@"\n'
    )
    assert "cannot use numpy: ImportError: libopenblas.so.0" in error_of(host.entry(python=broken))
    assert "cannot use pynq: not installed; expected pynq, which engine pynq needs" in error_of(
        host.entry(engine="pynq")
    )
    talking = program(tmp_path / "talking", "#!/bin/sh\necho 'this is not python' >&2\nexit 3\n")
    assert f"{talking} ended at once: this is not python" in error_of(host.entry(python=talking))


@pytest.mark.parametrize("kilobytes", [20, 80, 400])
def test_a_full_disk_is_one_line(host: SshHost, stage_folder: Path, kilobytes: int) -> None:
    """No room for the program, for what it unpacks, for a part."""
    (stage_folder / "large").write_bytes(bytes(400_000))
    with host.small_disk(f"size={kilobytes}k"):
        if kilobytes < 400:
            assert "No space left on device" in error_of(host.entry())
        else:
            with SshBoard(host.entry(), client_key=KEY) as board:
                board.start()
                with pytest.raises(DeployError, match=r"^board left: .*its disk is full: \d+ by"):
                    board.put(stage_folder, "stage0")
                assert list(host.seen(f"{board.folder}/parts").iterdir()) == []
        host.assert_nothing_is_left()


def test_a_shell_that_greets_is_passed_over(host: SshHost) -> None:
    keys = host.folder / "authorized_keys"
    before = keys.read_text()
    greeting = (
        'command="case \\"$SSH_ORIGINAL_COMMAND\\" in exec*) echo Welcome to PYNQ;; esac; '
        'exec sh -c \\"$SSH_ORIGINAL_COMMAND\\"" '
    )
    keys.write_text(greeting + before)
    try:
        with SshBoard(host.entry(), client_key=KEY) as board:
            board.start()
    finally:
        keys.write_text(before)
