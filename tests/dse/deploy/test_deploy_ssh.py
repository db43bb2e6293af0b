"""``dse deploy`` over SSH: two hosts with a real sshd each, in network namespaces."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dse.deploy.deploy_command import DeployRequest, deploy_network
from dse.deploy.deploy_progress import DeployProgress
from dse.errors import DeployError, InputError
from tests.dse.deploy.ssh_hosts import SshHost


def request(hosts: list[SshHost], tmp_path: Path, **options: object) -> DeployRequest:
    file = tmp_path / "boards.toml"
    file.write_text("\n".join(host.toml() for host in hosts))
    given: dict[str, object] = {
        "out": tmp_path / "deploy",
        "splits": (5,),
        "runs": 2,
        "boards_file": file,
        "attempts": 1,
    }
    return DeployRequest(**{**given, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_two_hosts(hosts: list[SshHost], tmp_path: Path, tls: bool) -> None:
    result = deploy_network(request(hosts, tmp_path, tls=tls), DeployProgress())
    assert result.runs.identical
    assert result.boards == ("left", "right")
    logs = tmp_path / "deploy" / "logs"
    for host in hosts:
        assert list((logs / host.name).glob("stage-*.log"))


def test_the_boards_can_be_named_in_another_order(hosts: list[SshHost], tmp_path: Path) -> None:
    asked = request(hosts, tmp_path, board_names=("right", "left"))
    result = deploy_network(asked, DeployProgress())
    assert result.boards == ("right", "left")
    assert result.runs.identical


class CutAtFirstResult(DeployProgress):
    """Takes a host's link down in the second run."""

    def __init__(self, host: SshHost) -> None:
        self._host = host
        self.cut_at: float | None = None

    def run(self, run: int, received: int) -> None:
        if run == 2 and self.cut_at is None:
            self._host.link_down()
            self.cut_at = time.monotonic()


@pytest.mark.slow
def test_a_link_that_goes_down_is_named_in_time(hosts: list[SshHost], tmp_path: Path) -> None:
    progress = CutAtFirstResult(hosts[1])
    with pytest.raises(DeployError, match="right") as error:
        deploy_network(request(hosts, tmp_path, runs=100_000), progress)
    assert progress.cut_at is not None
    # Silence of one lease (3 s), a verdict of at most 5 s, and clearing up.
    assert time.monotonic() - progress.cut_at < 20
    assert "\n" not in str(error.value)
    assert not (tmp_path / "deploy" / "deploy.json").exists()
    # The board itself notices the silence later than we do.
    hosts[1].assert_nothing_is_left(30)


def test_too_few_boards(hosts: list[SshHost], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 parts") as error:
        deploy_network(request(hosts, tmp_path, splits=(2, 5)), DeployProgress())
    assert "boards.toml" in str(error.value)
