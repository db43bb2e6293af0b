"""Fixtures of the tests of deployments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_flows.cache_directory import CACHE_VARIABLE
from tests.dse.deploy.finn_folder import FIRST, SECOND, write_finn_folder
from tests.dse.deploy.ssh_hosts import SshHost, ssh_hosts
from tests.fakes.vendor_tools import install


@pytest.fixture(scope="session")
def both_ssh_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SshHost]]:
    with ssh_hosts(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture
def hosts(
    both_ssh_hosts: list[SshHost], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[SshHost]]:
    """Two hosts with nothing on them, before the test and after it; no ssh configuration."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield both_ssh_hosts
    for host in both_ssh_hosts:
        host.link_up()
        host.assert_nothing_is_left()


@pytest.fixture
def host(hosts: list[SshHost]) -> SshHost:
    return hosts[0]


@pytest.fixture
def stage_folder(tmp_path: Path) -> Path:
    """Files as a stage has them, 300 kB."""
    folder = tmp_path / "part"
    (folder / "deep").mkdir(parents=True)
    (folder / "pipeline.json").write_text("{}")
    (folder / "deep" / "part.onnx").write_bytes(os.urandom(300_000))
    return folder


@pytest.fixture(scope="session")
def finn_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Of both parts of the small network, as ``dse build --backend vivado`` leaves them."""
    root = tmp_path_factory.mktemp("finn")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in install(root / "vendor").variables.items():
            patch.setenv(name, value)
        patch.setenv(CACHE_VARIABLE, str(root / "cache"))
        return {
            position: write_finn_folder(part, root / part.name.value)
            for position, part in enumerate((FIRST, SECOND))
        }
