"""``dse boards``: add, list, check and keygen as a person uses them."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from dse.deploy.deploy_command import DeployRequest, prepare_deployment
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.key_files import (
    SECRET_FILE,
    client_keys,
    read_client_keys,
    write_client_keys,
)
from dse.errors import DeployError, OutputError
from tests.dse.deploy.ssh_hosts import PORT, SshHost, ssh_hosts
from tests.dse.test_cli import error_line, invoke, loaded_modules


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with ssh_hosts(tmp_path_factory.mktemp("host"), ["left"]) as (host,):
        yield host
        host.assert_nothing_is_left()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which ``dse`` runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_names_the_commands_and_loads_nothing(tmp_path: Path) -> None:
    for arguments in ((), ("add",), ("list",), ("check",), ("keygen",), ("measure",)):
        assert invoke("boards", *arguments, "--help").returncode == 0
        loaded = loaded_modules("boards", *arguments, "--help", cwd=tmp_path)
        assert not loaded & {"asyncssh", "zmq", "numpy", "pydantic", "rich", "tomllib"}
    said = invoke("boards", "--help").stdout
    assert re.findall(r"^  (\w+)  +\w", said, re.MULTILINE) == [
        *("add", "check", "keygen", "list", "measure")
    ]


def test_mistakes_are_one_line(here: Path) -> None:
    assert error_line(invoke("boards", "chek")) == (
        "no such command 'chek' (choose from add, check, keygen, list, measure)"
    )
    for option in ("--address", "--engine", "--boards", "--key", "--link"):
        said = error_line(
            invoke("boards", "add", "a", "--address", "h", "--engine", "rtl", option, "")
        )
        assert "is empty" in said
    assert "Missing option '--address'" in error_line(invoke("boards", "add", "a"))
    said = error_line(invoke("boards", "add", "a", "--address", "h", "--engine", "fpga"))
    assert said.startswith("boards.toml: board a: engine is 'fpga'")
    assert said.endswith("(choose from onnx, rtl, pynq)")
    for command in ("list", "check"):
        assert error_line(invoke("boards", command)).startswith("boards.toml: cannot be read: No ")
    assert list(here.iterdir()) == []


def test_boards_are_added_and_listed(here: Path) -> None:
    added = invoke(
        *("boards", "add", "left", "--address", "10.0.0.2", "--engine", "pynq"),
        *("--part", "xc7z020clg400-1", "--user", "root", "--port", "2222", "--key", "keys/id"),
        *("--known-hosts", "keys/hosts", "--link", '1Gbit/s "switched"', "--python", "bin/py"),
    )
    assert (added.returncode, added.stdout) == (
        0,
        "boards.toml: added left (pynq at 10.0.0.2)\n",
    )
    assert invoke(*["boards", "add", "right", "--address", "h", "--engine", "onnx"]).returncode == 0
    with (here / "boards.toml").open("rb") as file:
        written = tomllib.load(file)["boards"]
    assert written[0]["key"] == str(here / "keys" / "id")
    assert written[0]["port"] == 2222
    assert written[1] == {"name": "right", "address": "h", "engine": "onnx"}

    of_finn = ("boards", "add", "third", "--address", "h", "--engine", "onnx", "--board", "Ultra96")
    assert invoke(*of_finn).returncode == 0
    lines = invoke("boards", "list").stdout.splitlines()
    assert lines[3].split() == ["third", "h", "onnx", "Ultra96"]
    assert lines[0].split() == ["board", "address", "user", "port", "engine", "part", "link"]
    assert lines[1].split()[:6] == ["left", "10.0.0.2", "root", "2222", "pynq", "xc7z020clg400-1"]
    assert lines[2].split() == ["right", "h", "onnx"]
    listed = json.loads(invoke("boards", "list", "--json").stdout)["boards"]
    assert [board["name"] for board in listed] == ["left", "right", "third"]
    assert (listed[2]["board"], listed[2]["part"]) == ("Ultra96", None)
    assert listed[0]["link"] == '1Gbit/s "switched"'
    assert listed[1]["port"] is listed[1]["user"] is None
    assert "there is a board 'left' already" in error_line(
        invoke(*["boards", "add", "left", "--address", "h", "--engine", "onnx"])
    )


def test_check_says_what_is_on_each_board(here: Path, host: SshHost) -> None:
    (here / "boards.toml").write_text(host.toml())
    checked = invoke("boards", "check")
    assert checked.returncode == 0, checked.stderr
    header, line = checked.stdout.splitlines()
    assert header.split()[:2] == ["board", "engine"]
    assert line.startswith("left   onnx    3.")
    assert line.endswith("  ready")
    assert f"zmq {zmq.__version__}" in line
    assert re.search(r"onnxruntime \d", line)
    assert re.search(r" \d+\.\d\d ms ", line)

    entry = host.entry(name="gone", port=PORT + 1)
    (here / "boards.toml").write_text(
        host.toml()
        + host.toml().replace('"left"', '"gone"').replace(f"port = {PORT}", f"port = {entry.port}")
    )
    checked = invoke("boards", "check", "--json")
    assert checked.returncode == 1
    found = json.loads(checked.stdout)
    assert found["ready"] is False
    left, gone = found["boards"]
    assert (left["ready"], left["error"], gone["ready"]) == (True, None, False)
    assert left["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "Connection refused" in gone["error"]
    assert gone["python"] is gone["free_bytes"] is None
    assert invoke("boards", "check", "left").returncode == 0
    checked = invoke("boards", "check", "gone")
    assert checked.returncode == 1
    assert len(checked.stdout.splitlines()) == 2
    assert "(choose from left, gone)" in error_line(invoke("boards", "check", "middle"))
    host.assert_nothing_is_left()


def test_keygen_makes_a_pair_that_only_its_owner_reads(here: Path) -> None:
    made = invoke("boards", "keygen", "--out", "keys")
    assert made.returncode == 0
    (file,) = (here / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys = read_client_keys(here / "keys")
    assert zmq.curve_public(keys.secret.encode()).decode() == keys.public
    assert made.stdout == f"keys/{SECRET_FILE}: new key; public key {keys.public}\n"
    assert keys.secret not in made.stdout + repr(keys)

    said = error_line(invoke("boards", "keygen", "--out", "keys"))
    assert said == f"keys/{SECRET_FILE}: there is a key already; expected --force to replace it"
    assert read_client_keys(here / "keys") == keys
    assert invoke("boards", "keygen", "--out", "keys", "--force").returncode == 0
    assert read_client_keys(here / "keys") != keys
    assert list((here / "keys").iterdir()) == [file]


def test_a_deployment_uses_the_key_that_was_made(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That in the folder that is named, else one's own, else a new one each time."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "home"))
    assert client_keys() != client_keys()
    assert invoke("boards", "keygen").returncode == 0
    own = read_client_keys(here / "home" / "split-dse")
    assert client_keys() == own
    assert invoke("boards", "keygen", "--out", "keys").returncode == 0
    named = read_client_keys(here / "keys")
    assert named != own
    for given, expected in ((None, own), (here / "keys", named)):
        request = DeployRequest(out=here / "out", splits=(5,), keys=given)
        prepared = prepare_deployment(request, DeployProgress())
        prepared.claim.close()
        assert prepared.keys == expected
    done = invoke("deploy", "--split", "5", "--runs", "1", "--images", "2", "--keys", "keys")
    assert done.returncode == 0, done.stderr
    said = error_line(invoke("deploy", "--split", "5", "--keys", "none"))
    assert said.startswith(f"none/{SECRET_FILE}: cannot be read")


def test_of_many_at_once_one_makes_the_key(here: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dse.deploy.key_files import write_client_keys; "
        "print(write_client_keys(Path('keys')).public)"
    )
    several = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=60)[0].decode().strip() for process in several]
    (public,) = filter(None, said)
    assert read_client_keys(here / "keys").public == public
    assert sorted(process.returncode for process in several) == [0, 1, 1, 1]


def test_a_key_that_is_none_is_one_line(here: Path) -> None:
    with pytest.raises(DeployError, match="No such file"):
        read_client_keys(here)
    write_client_keys(here)
    file = here / SECRET_FILE
    good = file.read_text()
    for wrong in ("", "short", good.strip() + "x", " " * 40, "~" * 40, "#" * 40, "é" * 40):
        file.write_text(wrong)
        with pytest.raises(DeployError, match="is no CURVE key"):
            read_client_keys(here)
    file.write_text(good)
    file.chmod(0o640)
    with pytest.raises(DeployError, match="chmod 600"):
        read_client_keys(here)
    (here / "file").write_text("")
    for folder in (here / "file", here / "file" / "deep"):
        with pytest.raises(OutputError, match="cannot write"):
            write_client_keys(folder)
