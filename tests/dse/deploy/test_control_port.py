"""Who may command a node, and that nothing that comes in on its port changes it but a proper
request of its client (I6)."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import zmq

from dse.deploy.job_outcome import JobDone
from dse.deploy.key_files import ClientKeys
from dse.deploy.node.messages import MOST_BYTES, PROTOCOL_VERSION
from dse.deploy.pipeline import Pipeline
from dse.errors import DeployError
from tests.dse.deploy.fault_rig import ClientResources, FaultRig, StageSettings, check_done, chunks
from tests.dse.deploy.test_messages import EXAMPLES
from tests.dse.deploy.test_parser_fuzz import damaged

SIZES = (64, 48, 24)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with FaultRig(2, tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture
def pipeline(rig: FaultRig) -> Iterator[Pipeline]:
    """One that is up. After the test it runs a job, and the boards are free then."""
    assert rig.repair() == 0
    before = ClientResources()
    with rig.pipeline(SIZES) as pipeline:
        given = chunks(1, 1, 64)
        check_done(pipeline.run(given), given, SIZES)
        while any(task["state"] != "waiting for input" for task in state_of(rig)["tasks"].values()):
            time.sleep(0.01)
        yield pipeline
        given = chunks(99, 20, 64)
        check_done(pipeline.run(given), given, SIZES)
    rig.check_boards_are_free()
    before.check()


class Stranger:
    """Somebody with a socket of their own. ``keys``: theirs; None for no encryption."""

    def __init__(self, rig: FaultRig, keys: ClientKeys | None, server_key: str = "") -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        address = rig.nodes[0].address
        if keys is not None:
            self._socket.curve_serverkey = (server_key or address.server_key).encode()
            self._socket.curve_publickey = keys.public.encode()
            self._socket.curve_secretkey = keys.secret.encode()
        self._socket.connect(address.control)

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def send(self, *parts: bytes) -> None:
        """Unless more is waiting already than the socket takes."""
        with suppress(zmq.Again):
            self._socket.send_multipart(parts, zmq.NOBLOCK)

    def answers(self, seconds: float = 0.3) -> list[dict[str, Any]]:
        """All that come until none has come for so long."""
        found = []
        while self._socket.poll(int(seconds * 1000)):
            found.append(json.loads(self._socket.recv()))
        return found


def state_of(rig: FaultRig) -> dict[str, Any]:
    """What the node says of itself, without what changes by itself."""
    tasks = rig.nodes[0].call("ping")["tasks"]
    for task in tasks.values():
        del task["counter"], task["idle_seconds"]
    return {"tasks": tasks, "processes": [process.pid for process in rig.stages(0)]}


def request(kind: str, number: int = 1, **changes: Any) -> bytes:
    content = {"v": PROTOCOL_VERSION, "type": kind, "id": number, **EXAMPLES[kind], **changes}
    return json.dumps(content).encode()


@pytest.mark.parametrize("who", ["other keys", "no keys", "wrong server key"])
def test_who_has_not_the_clients_key_is_not_heard(
    rig: FaultRig, pipeline: Pipeline, who: str
) -> None:
    before = state_of(rig)
    task = next(iter(before["tasks"]))
    keys = {"other keys": ClientKeys.new(), "no keys": None, "wrong server key": rig.keys}[who]
    server_key = ClientKeys.new().public if who == "wrong server key" else ""
    with Stranger(rig, keys, server_key) as stranger:
        for kind in EXAMPLES:
            stranger.send(request(kind, task=task) if "task" in EXAMPLES[kind] else request(kind))
        assert stranger.answers() == []
    assert state_of(rig) == before


def test_bytes_that_are_not_even_zeromq_change_nothing(rig: FaultRig, pipeline: Pipeline) -> None:
    before = state_of(rig)
    place = urlsplit(rig.nodes[0].address.control)
    assert place.hostname is not None
    assert place.port is not None
    # The beginning of a ZeroMQ greeting, then noise.
    greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE" + bytes(47)
    connections = []
    for index in range(50):
        connection = socket.create_connection((place.hostname, place.port))
        words = (b"", os.urandom(3000), greeting + os.urandom(3000), b"\xff" * 100_000)[index % 4]
        with suppress(OSError):  # it may hang up on us
            connection.sendall(words)
        connections.append(connection)
    assert state_of(rig) == before
    for connection in connections:
        connection.close()


def test_requests_that_are_none_are_answered_as_such_and_change_nothing(
    rig: FaultRig, pipeline: Pipeline
) -> None:
    before = state_of(rig)
    bad = [
        b"",
        b"{",
        b"\xff\xff",
        b"[1]",
        b"null",
        b"[" * 200_000,
        request("ping", v=2),
        request("ping", more=1),
        request("stop", task=1),
        request("spawn").replace(b'"cpu": 1000, ', b""),
        request("ping").replace(b'"ping"', b'"bury"'),
        request("ping").replace(b'"ping"', b'"_send"'),
        request("link").replace(b'"seconds": 1', b'"seconds": NaN'),
    ]
    with Stranger(rig, rig.keys) as stranger:
        for one in bad:
            stranger.send(one)
        stranger.send(b"two", b"parts")
        answers = stranger.answers()
    assert [answer["type"] for answer in answers] == ["malformed"] * len(bad)
    assert state_of(rig) == before


def test_requests_of_the_right_form_that_make_no_sense_are_refused(
    rig: FaultRig, pipeline: Pipeline
) -> None:
    before = state_of(rig)
    task = next(iter(before["tasks"]))
    folder = rig.boards[0].folder
    assert folder is not None
    program = next((folder / "parts").glob("*/faulty_stage.py"))
    spawn: dict[str, Any] = {"task": "new", "main": str(program), "cpu": 0, "fpga": 0, "limits": {}}
    bad = [
        request("spawn", **{**spawn, "task": task}),
        request("spawn", **{**spawn, "main": "/bin/sh"}),
        request("spawn", **{**spawn, "main": f"{folder}/../../../../bin/sh"}),
        request("spawn", **{**spawn, "main": str(program) + "\0"}),
        request("spawn", **{**spawn, "main": "\ud800"}),
        request("spawn", **{**spawn, "main": "x" * 100_000}),
        request("spawn", **{**spawn, "main": str(program.parent)}),
        request("spawn", **{**spawn, "cpu": 10**9}),
        request("spawn", **{**spawn, "cpu": -1}),
        request("spawn", **{**spawn, "fpga": 1}),  # the pipeline has it
        request("spawn", **{**spawn, "limits": {"load": "long"}}),
        request("spawn", **{**spawn, "limits": {"load": -1}}),
        request("spawn", **{**spawn, "limits": {"sleep": 1}}),
        # The tasks of another client, though it has the same keys.
        request("run", task=task),
        request("link", task=task),
        request("timings", task=task),
        request("run", task="nobody"),
    ]
    with Stranger(rig, rig.keys) as stranger:
        for one in bad:
            stranger.send(one)
        answers = stranger.answers()
        assert [answer["type"] for answer in answers] == ["refused"] * len(bad)
        # It may ask that it be stopped; it is not the stranger's, so it is not.
        stranger.send(request("stop", task=task))
        stranger.send(request("event", app="faults", source="", data={}))
        (stopped, told) = stranger.answers()
        assert stopped["type"] == told["type"] == "ok"
        assert told["told"] == 0
    assert state_of(rig) == before


def test_a_message_that_is_too_long_costs_its_sender_the_connection(
    rig: FaultRig, pipeline: Pipeline
) -> None:
    before = state_of(rig)
    memory = rig.manager(0).memory_info().rss
    with Stranger(rig, rig.keys) as stranger:
        for _ in range(20):
            stranger.send(b'"' + b"x" * (MOST_BYTES + 1) + b'"')
        assert stranger.answers() == []
    assert rig.manager(0).memory_info().rss - memory < 30 * MOST_BYTES
    assert state_of(rig) == before


def test_a_running_job_is_unharmed_by_all_of_it(rig: FaultRig) -> None:
    """Damaged requests of every kind, from one who has the keys and one who has not, meanwhile."""
    seed = int(os.environ.get("DSE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    print(f"DSE_FUZZ_SEED={seed}")
    chance = random.Random(seed)
    samples = [request(kind) for kind in EXAMPLES if kind != "spawn"]
    is_over = threading.Event()
    outcomes: list[object] = []
    with rig.pipeline(SIZES, settings={1: StageSettings(delay_seconds=0.002)}) as pipeline:
        given = chunks(1, 400, 64)

        def work() -> None:
            outcomes.append(pipeline.run(given))
            is_over.set()

        thread = threading.Thread(target=work)
        thread.start()
        sent = 0
        with Stranger(rig, rig.keys) as insider, Stranger(rig, ClientKeys.new()) as outsider:
            while not is_over.is_set():
                data = damaged(chance.choice(samples), chance)
                insider.send(data)
                outsider.send(data)
                sent += 1
                if sent % 50 == 0:
                    time.sleep(0.01)
        thread.join()
        assert sent > 200
        check_done(outcomes[0], given, SIZES)
        assert isinstance(outcomes[0], JobDone)
    assert rig.repair() == 0
    rig.check_boards_are_free()


def test_a_node_whose_key_is_another_is_not_taken_for_it(rig: FaultRig) -> None:
    """The client, too, talks to the right one only."""
    address = rig.nodes[0].address
    impostor = type(address)(address.control, address.data_host, ClientKeys.new().public)
    before = ClientResources()
    with pytest.raises(DeployError, match="does not answer"):
        rig.hub.connect("b0", impostor, 0.5)
    before.check()
