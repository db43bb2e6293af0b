"""Links are measured with the real transport, fitted by a line, and nothing is left on a board."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.deploy import link_probe
from dse.deploy.link_measurement import (
    SIZES,
    LinkMeasurement,
    MeasuredLink,
    fitted,
    measure_links,
)
from dse.deploy.link_probe import LinkSamples
from dse.errors import DeployError, InputError
from dse.plan.fleet import Link
from dse.plan_fleet import fleet
from dse.plan_links import MeasuredLinks, read_links, with_links
from tests.dse.deploy.deploy_sandbox import DeploySandbox
from tests.dse.deploy.ssh_hosts import SshHost
from tests.dse.test_cli import error_line, invoke


def differences(link: MeasuredLink, costs: tuple[float, float, float]) -> float:
    """Sum of squares, relative to what was timed."""
    message_s, byte_s, delay_s = costs
    found = link.samples
    taken = message_s + byte_s * np.array(found.sizes)
    pairs = ((taken, found.stream), (taken + delay_s, found.seconds))
    return float(sum((((a - b) / np.maximum(b, 1e-7)) ** 2).sum() for a, b in pairs))


@given(message_s=st.floats(1e-6, 1e-1), byte_s=st.floats(1e-11, 1e-6), delay_s=st.floats(0, 1e-1))
def test_a_link_that_is_a_line_is_found_again(
    message_s: float, byte_s: float, delay_s: float
) -> None:
    line = message_s + byte_s * np.array(SIZES)
    found = fitted("a", "b", LinkSamples(SIZES, line + delay_s, np.zeros_like(line), line))
    assert found.delay_s == pytest.approx(delay_s, rel=1e-6, abs=1e-6 * line[0])
    assert found.message_s == pytest.approx(message_s, rel=1e-6)
    assert found.byte_s == pytest.approx(byte_s, rel=1e-6)
    assert found.misfit < 1e-9


@given(
    times=st.lists(
        st.tuples(st.floats(-1e-5, 1e-2), st.floats(0, 1e-2)), min_size=2, max_size=len(SIZES)
    ),
    other=st.tuples(st.floats(0, 1e-2), st.floats(0, 1e-7), st.floats(0, 1e-2)),
)
def test_no_other_costs_fit_better_and_none_is_below_nothing(
    times: list[tuple[float, float]], other: tuple[float, float, float]
) -> None:
    seconds, stream = np.array(times).T
    sizes = SIZES[: len(times)]
    found = fitted("a", "b", LinkSamples(sizes, seconds, np.zeros_like(seconds), stream))
    costs = (found.message_s, found.byte_s, found.delay_s)
    assert min(costs) >= 0
    assert differences(found, costs) <= differences(found, other) * (1 + 1e-9) + 1e-9


@pytest.fixture(scope="module")
def measured() -> LinkMeasurement:
    return measure_links(sizes=(64, 16384), repeats=4)


def test_two_emulated_boards_are_measured_with_real_sockets(
    measured: LinkMeasurement, tmp_path: Path
) -> None:
    file = tmp_path / "build" / "links.json"
    measured.write(file)
    data = json.loads(file.read_text())
    assert data["boards"] == [
        {"name": f"emulated-{at}", "address": None, "emulated": True} for at in (0, 1)
    ]
    (hop,) = data["hops"]
    assert (hop["from"], hop["to"]) == ("emulated-0", "emulated-1")
    assert [point["bytes"] for point in hop["points"]] == [64, 16384]
    # A message takes time, whatever the machine is busy with.
    assert min(point["seconds"] for link in (hop, data["host"]) for point in link["points"]) > 0
    assert min(point["stream_s"] for link in (hop, data["host"]) for point in link["points"]) > 0
    assert hop["message_s"] + hop["byte_s"] > 0
    links = read_links(file)
    assert links.boards == ("emulated-0", "emulated-1")
    assert links.links[0].message_s == hop["message_s"]
    assert links.host.byte_s == data["host"]["byte_s"]
    assert links.links[0].name == "emulated-0 to emulated-1, measured between emulated boards"


def test_boards_that_were_measured_get_each_its_own_link() -> None:
    first, second, host = Link("1", 1.0), Link("2", 2.0), Link("h", 3.0)
    measured = MeasuredLinks(("Pynq-Z1", "Pynq-Z2", "ZCU104"), (first, second), host)
    own = with_links(fleet(["Pynq-Z2", "ZCU104"]), measured)
    assert (own.links, own.host) == ((second,), host)
    assert with_links(fleet(list(measured.boards)), measured).links == (first, second)
    # Others, or in another order, have the slowest.
    for boards, any_order in (
        (["Pynq-Z1", "Pynq-Z1"], False),
        (["Pynq-Z2", "Pynq-Z1"], False),
        (["Pynq-Z1", "ZCU104"], False),
        (["Pynq-Z1", "Pynq-Z2"], True),
        (["Pynq-Z1"], False),
    ):
        assert with_links(fleet(boards, any_order=any_order), measured).links == (second,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "split-dse/deploy"}, "is no measurement of links"),
        ({"version": 2}, "is of version 2; expected 1"),
        ({"hops": []}, "has 0 links between 2 boards; expected 1"),
        ({"host": {"from": "host"}}, "is damaged"),
        ({"boards": 3}, "is damaged"),
        (
            {"host": {"from": "a", "to": "b", "message_s": -1, "byte_s": 0, "delay_s": 0}},
            "is damaged",
        ),
        (
            {"host": {"from": "a", "to": "b", "message_s": True, "byte_s": "0", "delay_s": 0}},
            "is damaged",
        ),
    ],
)
def test_a_file_that_is_none_is_one_line(
    measured: LinkMeasurement, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    file = tmp_path / "links.json"
    file.write_text(json.dumps({**measured.to_json(), **change}))
    with pytest.raises(InputError) as caught:
        read_links(file)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "\n" not in str(caught.value)


def test_mistakes_are_told_before_a_board_is_touched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="boards are named, but no file"):
        measure_links(None, ["left"])
    file = tmp_path / "boards.toml"
    file.write_text('[[boards]]\nname = "a"\naddress = "nowhere.invalid"\nengine = "onnx"\n')
    with pytest.raises(InputError, match="one board has no link to another"):
        measure_links(file)
    with pytest.raises(InputError, match="there is no board 'b'"):
        measure_links(file, ["a", "b"])
    file.write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        read_links(file)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_links(tmp_path / "none.json")
    assert "one board has no link" in error_line(
        invoke("boards", "measure", "--boards", str(_one_board(tmp_path)))
    )


def _one_board(folder: Path) -> Path:
    file = folder / "one.toml"
    file.write_text('[[boards]]\nname = "a"\naddress = "nowhere.invalid"\nengine = "onnx"\n')
    return file


@pytest.mark.slow
def test_a_message_that_comes_back_changed_is_no_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = link_probe._PROGRAM.replace(
        "from dse.deploy.node.relay_job import main",
        "from dse.deploy.node import relay_job\n"
        "from dse.deploy.node.relay_job import main\n"
        "relay_job.RelayJob.process = lambda self, chunk: bytes(len(chunk))",
    )
    monkeypatch.setattr(link_probe, "_PROGRAM", program)
    with pytest.raises(DeployError, match="a message came back changed"):
        measure_links(sizes=(64,), repeats=1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_measurement_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    sandbox = DeploySandbox(tmp_path)
    process = sandbox.start("boards", "measure", "--repeats", "100000")
    sandbox.wait_for_stages(2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert sandbox.board_processes() == []
    assert list(sandbox.temporary.iterdir()) == []
    assert not (tmp_path / "build").exists()


@pytest.mark.slow
def test_a_killed_board_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    sandbox = DeploySandbox(tmp_path)
    process = sandbox.start("boards", "measure", "--repeats", "100000")
    stages = sandbox.wait_for_stages(2)
    manager = stages[-1].parent()
    assert manager is not None
    manager.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "Traceback" not in errors
    assert sandbox.board_processes() == []
    assert list(sandbox.temporary.iterdir()) == []


@pytest.mark.slow
def test_boards_behind_ssh_are_measured_as_the_file_names_them(
    hosts: list[SshHost], tmp_path: Path
) -> None:
    file = tmp_path / "boards.toml"
    file.write_text("\n".join(host.toml() for host in hosts))
    out = tmp_path / "links.json"
    done = invoke("boards", "measure", "--boards", str(file), "--repeats", "3", "--out", str(out))
    assert done.returncode == 0, done.stderr
    names = tuple(host.entry().name for host in hosts)
    assert read_links(out).boards == names
    data = json.loads(out.read_text())
    assert all(board["address"] and not board["emulated"] for board in data["boards"])
    header, *lines, _, path = done.stdout.splitlines()
    assert header.split()[:2] == ["from", "to"]
    assert lines[1].split()[:2] == list(names)
    assert path == str(out)
