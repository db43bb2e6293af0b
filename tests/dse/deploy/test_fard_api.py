"""Applications on two boards, real processes: events, output, failures, jobs, and the end."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dse
from dse.deploy.app_output import AppOutput, Output
from dse.deploy.board_processes import board_processes
from dse.deploy.fard_api import FardApi
from dse.deploy.job_outcome import JobDone, JobFailed
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.network_application import write_network_application
from dse.deploy.nodes import Nodes
from dse.deploy.placement import Demand, FreeBoard, place
from dse.errors import DeployError, InputError
from finn_flows.cut import Cut, CutTensor
from finn_flows.digits import load_digits_split
from tests.dse.deploy.fard_apps import write_adders, write_obedient, write_talkers


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    temporary = tmp_path_factory.mktemp("boards")
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    try:
        keys = ClientKeys.new()
        boards = [LocalBoard(name, "onnx", client_key=keys.public) for name in ("left", "right")]
        with Nodes(boards, keys) as nodes:
            yield nodes
        assert list(temporary.iterdir()) == [], "boards left files behind"
    finally:
        tempfile.tempdir = before


@pytest.fixture
def api(nodes: Nodes) -> Iterator[FardApi]:
    with FardApi(nodes) as api:
        yield api
    wait_for(lambda: programs(nodes) == [])


def wait_for(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.02)


def programs(nodes: Nodes) -> list[int]:
    """Processes of applications: all of the boards but the managers."""
    found = []
    for board in nodes.boards:
        assert isinstance(board, LocalBoard)
        assert board.folder is not None
        found += [one.pid for one in board_processes(board.folder) if one.pid != board.manager_pid]
    return found


def collect(api: FardApi, app_id: str, count: int) -> list[Output]:
    """The first outputs, in the order of their names, since boards do not wait for each other."""
    found: list[Output] = []
    while len(found) < count:
        new = api.consume_output(app_id, 10.0)
        assert new, f"no output after {found}"
        found += new
    return sorted(found, key=lambda one: (one.task, one.peer))


def restart_collecting(api: FardApi, app_id: str) -> int:
    """Start it again, so that all its output is collected; how much was dropped before."""
    api.kill_app(app_id)
    api.set_output_collection(app_id, True)
    dropped = api.state(app_id).outputs_dropped
    api.restart_app(app_id)
    return dropped


def test_events_reach_those_they_are_meant_for_and_never_oneself(
    api: FardApi, tmp_path: Path
) -> None:
    """Two applications of one name on the same boards, at the same time."""
    ids = []
    for word in ("red", "blue"):
        app_id = api.send_app(write_talkers(tmp_path / word, word))
        restart_collecting(api, app_id)
        ids.append(app_id)
    assert ids == ["talkers", "talkers-2"]
    for app_id, word in zip(ids, ("red", "blue"), strict=True):
        everyone = {"to": "all", "word": word}
        assert collect(api, app_id, 7) == [
            Output("listener", 0, "to a task"),
            Output("listener", 0, everyone),
            Output("listener", 1, "to one"),
            Output("listener", 1, "to a task"),
            Output("listener", 1, everyone),
            Output("speaker", 0, "thanks"),
            Output("speaker", 1, everyone),
        ]
        state = api.state(app_id)
        assert [one.phase for one in state.replicas] == ["running"] * 4
        assert {one.board for one in state.replicas} == {"left", "right"}
        assert (state.events_lost, state.outputs_dropped) == (0, 0)


def test_kill_and_restart(api: FardApi, nodes: Nodes, tmp_path: Path) -> None:
    app_id = api.send_app(write_obedient(tmp_path / "app", "name", count=3))
    api.set_output_collection(app_id, True)
    assert [one.phase for one in api.wait_started(app_id).replicas] == ["running"] * 3
    assert len(programs(nodes)) == 3
    api.kill_app(app_id)
    assert programs(nodes) == []
    assert [one.phase for one in api.state(app_id).replicas] == ["killed"] * 3
    assert api.state(app_id).is_killed
    api.consume_output(app_id, 0)
    assert api.consume_output(app_id, 60) == [], "nothing more can come, so nobody waits"
    with pytest.raises(InputError, match="obedient has no jobs"):
        api.send_job_data(app_id, [])
    api.restart_app(app_id)
    said = collect(api, app_id, 3)
    assert [one.data[:2] for one in said] == [["obedient", "worker"]] * 3
    assert sorted(one.data[2] for one in said) == sorted(programs(nodes))
    assert not api.state(app_id).is_killed


@pytest.mark.parametrize(
    ("order", "reason"),
    [("fail", "the sensor is gone"), ("fail in setup", "no such thing as setup")],
)
def test_a_failing_replica_is_named(api: FardApi, tmp_path: Path, order: str, reason: str) -> None:
    app_id = api.send_app(write_obedient(tmp_path / "app", order, count=2))
    wait_for(lambda: bool(api.state(app_id).failed))
    (failed,) = api.wait_started(app_id).failed
    assert (failed.task, failed.peer) == ("worker", 1)
    assert reason in str(failed)
    assert api.state(app_id).replicas[0].phase == "running", "the others go on"


def test_a_killed_process_is_named_and_one_that_ends_is_not(
    api: FardApi, nodes: Nodes, tmp_path: Path
) -> None:
    app_id = api.send_app(write_obedient(tmp_path / "app", "wait"))
    api.wait_started(app_id)
    (process,) = programs(nodes)
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: bool(api.state(app_id).failed))
    assert "SIGKILL" in (api.state(app_id).failed[0].reason or "")
    other = api.send_app(write_obedient(tmp_path / "other", "end"))
    wait_for(lambda: api.state(other).replicas[0].phase == "ended")
    assert api.state(other).failed == ()


def test_output_that_nobody_consumes_is_dropped_and_counted(api: FardApi, tmp_path: Path) -> None:
    app_id = api.send_app(write_obedient(tmp_path / "app", "wait"))
    flood = api.send_app(write_obedient(tmp_path / "flood", "flood", number=3000, size=10))
    quiet = api.consume_output(flood, 0.2)
    assert quiet == [], "it is not collected at first"
    before = restart_collecting(api, flood)
    # Some may be lost on their way already: the task says it faster than it can be sent.
    wait_for(lambda: api.state(flood).outputs_dropped >= before + 2000)
    with pytest.warns(RuntimeWarning, match=r"\d+ outputs of obedient-2 were dropped"):
        outputs = api.consume_output(flood, 1)
    # What the board could not send is told with a heartbeat.
    wait_for(lambda: _all_of(api, flood, outputs) >= before + 3001)
    assert _all_of(api, flood, outputs) == before + 3001
    numbers = [output.data[0] for output in outputs if output.data != "last"]
    assert numbers == sorted(set(numbers))
    assert api.consume_output(app_id, 0) == [], "of the other application nothing was said"


def test_a_ready_application_computes_what_the_unsplit_network_does(
    api: FardApi, tmp_path: Path
) -> None:
    network = dse.load().network
    pixels = load_digits_split("test")[0][:25]
    write_network_application(network, [Cut(5, "before")], ["onnx", "onnx"], tmp_path)
    app_id = api.send_app(tmp_path / "two_stage_bnn_app")
    words = CutTensor(network.input_shape, network.input_type).pack(network.encode_pixels(pixels))
    done = api.send_job_data(app_id, words.view(np.uint8).reshape(len(pixels), -1))
    assert isinstance(done, JobDone)
    result = CutTensor(network.output_shape, network.output_type).unpack(done.results.view("<u8"))
    expected = dse.run(None, pixels).images
    assert result.reshape(len(pixels), -1).tolist() == [list(image.logits) for image in expected]


def _all_of(api: FardApi, app_id: str, outputs: list[Output]) -> int:
    """Consumed (into ``outputs``, too) and dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        outputs += api.consume_output(app_id, 0)
    return len(outputs) + api.state(app_id).outputs_dropped


def test_jobs_run_end_and_free_their_boards(api: FardApi, nodes: Nodes, tmp_path: Path) -> None:
    app_id = api.send_app(write_adders(tmp_path / "app", [1, 100]))
    api.set_output_collection(app_id, True)
    assert programs(nodes) == [], "jobs are only copied"
    random = np.random.default_rng(5)
    for chunks in (1, 300):
        data = random.integers(0, 150, (chunks, 8), dtype=np.uint8)
        done = api.send_job_data(app_id, data)
        assert isinstance(done, JobDone)
        np.testing.assert_array_equal(done.results, data + np.uint8(101))
        assert programs(nodes) == []
    as_bytes = api.send_job_data(app_id, [bytes(8), bytes(range(8))])
    assert isinstance(as_bytes, JobDone)
    assert as_bytes.results.tolist() == [[101] * 8, list(range(101, 109))]
    assert collect(api, app_id, 6) == [
        Output(f"add-{position}", position, ["loaded", position]) for position in (0, 0, 0, 1, 1, 1)
    ]
    poisoned = api.send_job_data(app_id, [bytes(8), bytes([154] * 8)])
    assert isinstance(poisoned, JobDone)
    poisoned = api.send_job_data(app_id, [bytes(8), bytes([254 - 100] * 8), bytes([255] * 8)])
    assert isinstance(poisoned, JobFailed)
    assert (poisoned.stage, poisoned.reason) == (0, "image 2: 255 cannot be added to")
    crashed = api.send_job_data(app_id, [bytes(8), bytes([254] * 8)])
    assert isinstance(crashed, JobFailed)
    assert crashed.stage == 0
    assert "the adder broke" in crashed.reason


def test_a_board_whose_fpga_is_busy_refuses_and_is_free_afterwards(
    api: FardApi, nodes: Nodes, tmp_path: Path
) -> None:
    slow = api.send_app(write_adders(tmp_path / "slow", [0, 0], name="slow"))
    quick = api.send_app(write_adders(tmp_path / "quick", [1, 2], name="quick"))
    shared = api.send_app(write_adders(tmp_path / "shared", [3, 4], name="shared", fpga=0))
    outcomes: list[object] = []
    started = threading.Event()
    forever = threading.Thread(
        target=lambda: outcomes.append(
            api.send_job_data(slow, [bytes([253] * 8)], on_progress=lambda _: started.set())
        )
    )
    forever.start()
    try:
        assert started.wait(20)
        refused = api.send_job_data(quick, [bytes(8)])
        assert isinstance(refused, JobFailed)
        assert "add-0 asks for fpga 1, 0 is free" in refused.reason
        beside = api.send_job_data(shared, [bytes(8)])
        assert isinstance(beside, JobDone), "it needs no FPGA"
        assert beside.results.tolist() == [[7] * 8]
        assert api.state(slow).jobs_running == 1
    finally:
        api.kill_app(slow)
        forever.join(20)
    (killed,) = outcomes
    assert isinstance(killed, JobFailed)
    assert "killed" in killed.reason
    assert programs(nodes) == []
    done = api.send_job_data(quick, [bytes(8)])
    assert isinstance(done, JobDone)
    assert done.results.tolist() == [[3] * 8]
    with pytest.raises(InputError, match=r"slow was killed.*restart_app"):
        api.send_job_data(slow, [bytes(8)])


def test_what_cannot_be_started_leaves_nothing(api: FardApi, nodes: Nodes, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="asks for cpu 10 and fpga 3, which no board has left"):
        api.send_app(write_adders(tmp_path / "fpga", [1], fpga=3))
    greedy = write_obedient(tmp_path / "greedy", "wait", count=2)
    text = (greedy / "app.yaml").read_text().replace("cpu_quota: 10", "cpu_quota: 10000000")
    (greedy / "app.yaml").write_text(text)
    with pytest.raises(DeployError, match=r"worker 0 asks for cpu 10000000.*left: cpu \d+"):
        api.send_app(greedy)
    reserved = write_obedient(tmp_path / "reserved", "wait", task=1)
    with pytest.raises(DeployError, match=r"config\.task is not for app\.yaml"):
        api.send_app(reserved)
    with pytest.raises(DeployError, match=r"app\.yaml: cannot read"):
        api.send_app(tmp_path)
    with pytest.raises(InputError, match="there is no application 'talker'"):
        api.state("talker")
    app_id = api.send_app(write_adders(tmp_path / "app", [1], size=8))
    for wrong in ([bytes(7)], np.zeros((2, 9), np.uint8), np.zeros((2, 8), np.int8), ["x" * 8]):
        with pytest.raises(InputError, match="expected uint8"):
            api.send_job_data(app_id, wrong)  # type: ignore[arg-type]
    assert programs(nodes) == []


def test_another_client_on_the_same_boards_runs_its_own_programs(
    nodes: Nodes, tmp_path: Path
) -> None:
    """Applications of one name, one after the other."""
    for add in (1, 2):
        folder = write_adders(tmp_path / str(add), [0])
        program = folder / "code" / "main.py"
        program.write_text(program.read_text().replace("self.config.add", str(add)))
        with FardApi(nodes) as api:
            done = api.send_job_data(api.send_app(folder), [bytes(2 * 4)])
            assert isinstance(done, JobDone)
            assert done.results.tolist() == [[add] * 8]


def test_a_program_of_the_other_kind_fails_at_once(api: FardApi, tmp_path: Path) -> None:
    job, task = write_adders(tmp_path / "job", [1, 2]), write_obedient(tmp_path / "task", "wait")
    program = (job / "code" / "main.py").read_text()
    (job / "code" / "main.py").write_text((task / "code" / "main.py").read_text())
    (task / "code" / "main.py").write_text(program)
    began = time.monotonic()
    outcome = api.send_job_data(api.send_app(job), [bytes(8)])
    assert isinstance(outcome, JobFailed)
    assert outcome.reason == "its program is a task, not a FardJob"
    app_id = api.send_app(task)
    (failed,) = api.wait_started(app_id).failed
    assert failed.reason == "its program is a FardJob, not a task: it belongs into jobs"
    assert time.monotonic() - began < 10


def test_numbers_that_json_does_not_have_are_refused_where_they_are_said(
    api: FardApi, tmp_path: Path
) -> None:
    app_id = api.send_app(write_obedient(tmp_path / "app", "nan"))
    api.set_output_collection(app_id, True)
    api.restart_app(app_id)
    assert collect(api, app_id, 1)[0].data == ["ValueError"] * 4
    assert api.state(app_id).failed == ()


def test_a_job_must_hold_the_manifest_that_its_application_names(
    api: FardApi, tmp_path: Path
) -> None:
    folder = write_adders(tmp_path / "app", [1])
    app = (folder / "app.yaml").read_text()
    for named, held, reason in (
        ("a", None, "it holds no manifest; expected aaaa"),
        ("a", "b", "it holds the manifest bbbb"),
        (None, "b", "expected none, as the application"),
        ("a", "a", None),
    ):
        text = app + (f"manifest: {named * 64}\n" if named else "")
        program = (folder / "code" / "main.py").read_text().split("FardTaskContainer(Adder")[0]
        end = "" if held is None else f"    Adder.manifest = '{held * 64}'\n"
        program = program.split("    Adder.manifest")[0].rstrip() + "\n" + end
        (folder / "code" / "main.py").write_text(
            program + "    FardTaskContainer(Adder()).execute()\n"
        )
        (folder / "app.yaml").write_text(text)
        outcome = api.send_job_data(api.send_app(folder), [bytes(8)])
        if reason is None:
            assert isinstance(outcome, JobDone), outcome
        else:
            assert isinstance(outcome, JobFailed)
            assert reason in outcome.reason


def test_a_lost_board_is_named_and_comes_back_by_restart(tmp_path: Path) -> None:
    keys = ClientKeys.new()
    boards = [LocalBoard(name, "onnx", client_key=keys.public) for name in ("left", "right")]
    with Nodes(boards, keys, lease_seconds=0.8) as nodes, FardApi(nodes) as api:
        app_id = api.send_app(write_obedient(tmp_path / "app", "wait", count=2))
        jobs = api.send_app(write_adders(tmp_path / "jobs", [1, 1]))
        api.wait_started(app_id)
        lost = boards[1].manager_pid
        assert lost is not None
        os.kill(lost, signal.SIGKILL)
        wait_for(lambda: bool(api.state(app_id).failed))
        (failed,) = api.state(app_id).failed
        assert (failed.board, failed.reason) == ("right", "board right is silent")
        done = api.send_job_data(jobs, [bytes(8)])
        assert isinstance(done, JobDone), "the board was brought up again for it"
        api.restart_app(app_id)
        assert [one.phase for one in api.wait_started(app_id).replicas] == ["running"] * 2


@given(st.data())
def test_placing_never_gives_more_than_there_is(data: st.DataObject) -> None:
    numbers = st.integers(0, 5)
    boards = [
        FreeBoard(str(index), cpu, fpga)
        for index, (cpu, fpga) in enumerate(
            data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
        )
    ]
    whole = {board.name: (board.cpu, board.fpga) for board in boards}
    demands = [
        Demand(str(index), cpu, fpga)
        for index, (cpu, fpga) in enumerate(data.draw(st.lists(st.tuples(numbers, numbers))))
    ]
    try:
        chosen = place(demands, boards)
    except DeployError:
        assert any(
            all(one.cpu > board.cpu or one.fpga > board.fpga for board in boards) for one in demands
        ), "refused although the last one fits"
        return
    for name, (cpu, fpga) in whole.items():
        here = [one for one, place_ in zip(demands, chosen, strict=True) if place_ == name]
        assert sum(one.cpu for one in here) <= cpu
        assert sum(one.fpga for one in here) <= fpga


def test_equal_boards_share_evenly() -> None:
    boards = [FreeBoard("a", 1000, 1), FreeBoard("b", 1000, 1)]
    assert place([Demand("x", 100, 0)] * 5, boards) == ["a", "b", "a", "b", "a"]
    assert place([Demand("y", 0, 1)] * 2, boards) == ["b", "a"]


def test_output_is_bounded_by_bytes_too() -> None:
    output = AppOutput(threading.Condition(), most=100, size=1000)
    output.put(Output("task", 0, "before it is on"))
    output.is_on = True
    for number in range(10):
        output.put(Output("task", 0, str(number) * 298))
    assert [one.data[0] for one in output.take(0, lambda: False)] == ["7", "8", "9"]
    assert output.dropped == 7
    assert output.take(0.01, lambda: False) == []
