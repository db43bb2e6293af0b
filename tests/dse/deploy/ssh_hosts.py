"""Hosts with a real sshd each, in network namespaces of their own, on one bridge.

Needs root (or the rights to make namespaces), ``ip`` and OpenSSH's server; skips where one is
missing, and says which.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from dse.deploy.boards_file import BoardEntry

SSHD = "/usr/sbin/sshd"
PORT = 2222


@dataclass(frozen=True)
class SshHost:
    """One host. ``folder``: its keys and configuration; ``temporary``: what its sessions take for
    /tmp; ``namespace``: of its network; ``link``: the end of its cable on our side; ``server``:
    process id of its sshd."""

    name: str
    address: str
    namespace: str
    link: str
    folder: Path
    temporary: Path
    known_hosts: Path
    key: Path
    server: int

    def entry(self, **changes: object) -> BoardEntry:
        """This host as a board of engine onnx, with the Python of the tests."""
        given: dict[str, object] = {
            "name": self.name,
            "address": self.address,
            "port": PORT,
            "user": "root",
            "engine": "onnx",
            "python": sys.executable,
            "key": self.key,
            "known_hosts": self.known_hosts,
        }
        return BoardEntry(**{**given, **changes})  # type: ignore[arg-type]

    def toml(self) -> str:
        """The same as a table of boards.toml."""
        entry = self.entry()
        return "".join(
            [
                f'[[boards]]\nname = "{entry.name}"\naddress = "{entry.address}"\n',
                f'port = {entry.port}\nuser = "{entry.user}"\nengine = "{entry.engine}"\n',
                f'python = "{entry.python}"\nkey = "{entry.key}"\n',
                f'known_hosts = "{entry.known_hosts}"\n',
            ]
        )

    def link_down(self) -> None:
        """Pull the cable."""
        _run("ip", "link", "set", self.link, "down")

    def link_up(self) -> None:
        """Plug it in again."""
        _run("ip", "link", "set", self.link, "up")

    @contextmanager
    def small_disk(self, options: str) -> Iterator[None]:
        """A tmpfs with these options (``size=20k``) in place of its temporary folder."""
        inside = ("nsenter", "--mount", "--target", str(self.server))
        mount = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.temporary))
        _try_or_skip(*inside, *mount)
        try:
            yield
        finally:
            _run(*inside, "umount", str(self.temporary))

    def files(self) -> list[Path]:
        """What is in its temporary folder, as the host sees it."""
        return list(self.seen(self.temporary).iterdir())

    def seen(self, path: str | Path) -> Path:
        """A path on the host, for us."""
        return Path(f"/proc/{self.server}/root{path}")

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on the host but its ssh servers."""
        listed = _run("ip", "netns", "pids", self.namespace).split()
        found = []
        for number in listed:
            with suppress(psutil.Error):
                process = psutil.Process(int(number))
                if process.exe() != SSHD and process.name() != "sftp-server":
                    found.append(process)
        return found

    def leftovers(self) -> list[str]:
        """Processes and files of ours on the host, as text."""
        return [*map(str, self.processes()), *map(str, self.files())]

    def assert_nothing_is_left(self, seconds: float = 10.0) -> None:
        """Neither a process nor a file, after a moment."""
        deadline = time.monotonic() + seconds
        while left := self.leftovers():
            assert time.monotonic() < deadline, f"left on {self.name}: {left}"
            time.sleep(0.02)


@contextmanager
def ssh_hosts(folder: Path, names: Sequence[str] = ("left", "right")) -> Iterator[list[SshHost]]:
    """Hosts that reach each other and us; everything of them is removed in the end.

    ``folder``: an empty folder for keys and configurations. One key of the client, in
    ``folder/client_key``, opens all of them.
    """
    _skip_unless_possible()
    with ExitStack() as stack:
        tag = f"{os.getpid():x}{random.SystemRandom().randrange(256):02x}"
        bridge = f"dseb{tag}"
        network = _free_network()
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / "client_key"
        _make_key(key)
        _try_or_skip("ip", "link", "add", bridge, "type", "bridge")
        stack.callback(_quietly, "ip", "link", "delete", bridge)
        _run("ip", "address", "add", f"{network}.1/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        hosts = [
            stack.enter_context(
                _host(folder / name, name, f"{network}.{index + 2}", f"{tag}{index}", bridge, key)
            )
            for index, name in enumerate(names)
        ]
        yield hosts


@contextmanager
def _host(
    folder: Path, name: str, address: str, tag: str, bridge: str, key: Path
) -> Iterator[SshHost]:
    namespace, link = f"dsen{tag}", f"dsev{tag}"
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    host_key = folder / "host_key"
    _make_key(host_key)
    known_hosts = folder / "known_hosts"
    public = " ".join(Path(f"{host_key}.pub").read_text().split()[:2])
    known_hosts.write_text(f"[{address}]:{PORT} {public}\n")
    shutil.copy(f"{key}.pub", folder / "authorized_keys")
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"Port {PORT}\nListenAddress {address}\nHostKey {host_key}\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PidFile none\nMaxStartups 100\nSetEnv TMPDIR={temporary}\n"
        "Subsystem sftp /usr/lib/openssh/sftp-server\n"
    )
    with ExitStack() as stack:
        _try_or_skip("ip", "netns", "add", namespace)
        stack.callback(_quietly, "ip", "netns", "delete", namespace)
        _run("ip", "link", "add", link, "type", "veth", "peer", "eth0", "netns", namespace)
        stack.callback(_quietly, "ip", "link", "delete", link)
        _run("ip", "link", "set", link, "master", bridge, "up")
        _run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        _run("ip", "-n", namespace, "link", "set", "eth0", "up")
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        # `ip netns exec` gives a mount namespace, too: /run/sshd, which sshd wants, stays there.
        command = (
            "mount -t tmpfs -o size=1m tmpfs /run && mkdir -m 755 /run/sshd && "
            f"exec {SSHD} -D -e -f '{configuration}'"
        )
        log = stack.enter_context((folder / "sshd.log").open("wb"))
        server = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(_end, server, namespace)
        _wait_for_server(server, address, folder / "sshd.log")
        yield SshHost(
            name, address, namespace, link, folder, temporary, known_hosts, key, server.pid
        )


def _end(server: subprocess.Popen[bytes], namespace: str) -> None:
    """The server and whatever still runs on its host."""
    deadline = time.monotonic() + 10
    while numbers := _quietly("ip", "netns", "pids", namespace).split():
        for number in numbers:
            with suppress(OSError):
                os.kill(int(number), signal.SIGKILL)
        assert time.monotonic() < deadline, f"processes that cannot be ended: {numbers}"
        time.sleep(0.01)
    server.wait(10)


def _wait_for_server(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((address, PORT), timeout=1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"sshd does not run here: {log.read_text().strip()[-300:]}")
            time.sleep(0.02)


def _skip_unless_possible() -> None:
    if not Path(SSHD).exists():
        pytest.skip(f"{SSHD} (Debian's openssh-server) is not installed")
    for program in ("ip", "ssh-keygen", "mount", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no `{program}` command")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")


def _free_network() -> str:
    """First three numbers of a network that no other test, and nobody else here, uses."""
    used = _run("ip", "-o", "-4", "address")
    while True:
        network = (
            f"10.{random.SystemRandom().randrange(128, 255)}.{random.SystemRandom().randrange(256)}"
        )
        if f" {network}." not in used:
            return network


def _make_key(path: Path) -> None:
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _quietly(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _try_or_skip(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"`{' '.join(command)}` is not permitted: {done.stderr.strip()}")
