"""The service's socket and loop by themselves: bounds, nonsense, poison, clients that vanish."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.application import read_application
from dse.deploy.deployment import Deployment
from dse.deploy.infer_messages import decode_infer
from dse.deploy.infer_service import InferService
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.node.manager import boot_identity
from dse.deploy.node.messages import MessageError, decode, encode
from dse.deploy.nodes import Nodes
from dse.deploy.serve_command import serve_jobs
from dse.deploy.serve_progress import ServeProgress
from dse.deploy.service_file import (
    ServiceFile,
    check_not_served,
    process_start,
    read_service_file,
    remove_service_file,
    write_service_file,
)
from dse.errors import DeployError
from finn_flows.cut import CutTensor
from tests.dse.deploy.fard_apps import write_adders
from tests.dse.small_network import small_network

SERVER, CLIENT = ClientKeys.new(), ClientKeys.new()
IMAGE = bytes(8)


@pytest.fixture
def service() -> Iterator[InferService]:
    with InferService(
        "127.0.0.1",
        0,
        keys=SERVER,
        client_key=CLIENT.public,
        image_bytes=8,
        most_waiting=3,
        most_waiting_bytes=80,
    ) as service:
        yield service


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


class Client:
    def __init__(
        self, context: zmq.Context[Any], service: InferService, keys: ClientKeys = CLIENT
    ) -> None:
        self.socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        self.socket.curve_serverkey = SERVER.public.encode()
        self.socket.curve_publickey = keys.public.encode()
        self.socket.curve_secretkey = keys.secret.encode()
        self.socket.connect(f"tcp://127.0.0.1:{service.port}")

    def ask(self, number: int, pixels: bytes = IMAGE) -> None:
        images = len(pixels) // 8
        self.socket.send_multipart([encode("infer", id=number, images=images), pixels])

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message, which must be of one of ``kinds``."""
        assert self.socket.poll(10_000), f"no answer ({kinds})"
        message = decode(self.socket.recv_multipart()[0])
        assert message["type"] in kinds, message
        return message

    def vanish(self) -> None:
        self.socket.close(linger=0)


def test_jobs_come_one_after_the_other_and_too_many_are_refused(
    service: InferService, context: zmq.Context[Any]
) -> None:
    client = Client(context, service)
    for number in range(6):
        client.ask(number)
    client.hear("started")
    assert [client.hear("queued")["ahead"] for _ in range(3)] == [1, 2, 3]
    # A queue that seems full is looked through for clients that are gone: these are told again.
    said = [client.hear("queued", "refused") for _ in range(8)]
    refused = [one for one in said if one["type"] == "refused"]
    assert [one["re"] for one in refused] == [4, 5]
    assert refused[0]["reason"] == "the service is busy: 3 jobs wait already"
    assert service.refused == 2
    client.ask(6, bytes(88))
    assert [client.hear("queued", "refused")["type"] for _ in range(4)][-1] == "refused"
    for number in range(4):
        request = service.next_request(10)
        assert request is not None
        assert request.number == number
        assert service.next_request(0.01) is None, "one at a time"
        service.answer(request, "failed", reason="as it was told")
        assert client.hear("failed")["re"] == number
        if number < 3:
            assert client.hear("started")["re"] == number + 1


def test_the_job_of_a_client_that_vanished_is_not_computed(
    service: InferService, context: zmq.Context[Any]
) -> None:
    first, gone, last = (Client(context, service) for _ in range(3))
    first.ask(1)
    first.hear("started")
    for number in range(3):
        gone.ask(number)
        gone.hear("queued")
    gone.vanish()
    time.sleep(0.2)  # until the service's end of the connection is closed, too
    last.ask(9)  # has room: the three before it are gone
    assert last.hear("queued", "refused")["type"] == "queued"
    request = service.next_request(10)
    assert request is not None
    first.vanish()
    time.sleep(0.2)
    service.answer(request, "failed", reason="nobody hears it")
    request = service.next_request(10)
    assert request is not None
    assert request.number == 9
    assert service.vanished == 4


def test_its_end_is_told_to_all_who_wait(service: InferService, context: zmq.Context[Any]) -> None:
    client = Client(context, service)
    client.ask(1)
    client.ask(2)
    client.hear("started")
    client.hear("queued")
    service.close()
    for number in (1, 2):
        message = client.hear("refused")
        assert (message["re"], message["reason"]) == (number, "the service has ended")


def test_a_stranger_is_not_heard(service: InferService, context: zmq.Context[Any]) -> None:
    stranger = Client(context, service, ClientKeys.new())
    plain: zmq.Socket[bytes] = context.socket(zmq.DEALER)
    plain.connect(f"tcp://127.0.0.1:{service.port}")
    plain.send_multipart([encode("infer", id=1, images=1), IMAGE])
    stranger.ask(1)
    assert service.next_request(0.5) is None
    assert not stranger.socket.poll(0)
    assert not plain.poll(0)
    friend = Client(context, service)
    friend.ask(2)
    friend.hear("started")


@settings(max_examples=200)
@given(
    st.lists(st.binary(max_size=40), max_size=4)
    | st.tuples(
        st.dictionaries(
            st.sampled_from(["v", "type", "id", "images", "x"]),
            st.sampled_from([1, 0, -1, True, 2.5, None, "infer", "ping", [], {}, 10**30]),
        ).map(lambda content: json.dumps(content).encode()),
        st.binary(max_size=20),
    ).map(list)
)
def test_no_message_is_taken_that_is_not_of_the_form(parts: list[bytes]) -> None:
    try:
        number, kind, images, pixels = decode_infer(parts, 8)
    except MessageError:
        return
    assert isinstance(number, int)
    assert kind == "ping" or (kind == "infer" and images >= 1 and len(pixels) == images * 8)


def test_nonsense_is_refused_and_the_service_goes_on(
    service: InferService, context: zmq.Context[Any]
) -> None:
    client = Client(context, service)
    for parts in (
        [b""],
        [os.urandom(50)],
        [encode("infer", id=1, images=2), IMAGE],
        [encode("infer", id=1, images=1), IMAGE, IMAGE],
        [encode("infer", id=1, images=0), b""],
        [encode("reboot", id=1)],
    ):
        client.socket.send_multipart(parts)
        assert client.hear("refused")["re"] is None
    client.socket.send(encode("ping", id=7))
    assert client.hear("pong")["re"] == 7
    assert service.next_request(0.01) is None


def test_poison_and_crashes_fail_their_job_and_the_next_one_is_served(
    context: zmq.Context[Any], tmp_path: Path
) -> None:
    """A pipeline of real processes, whose job knows poison, behind the service's own loop."""
    network = small_network()
    take, give = (
        CutTensor(shape, kind).pack(np.zeros((1, *shape), np.int64)).nbytes
        for shape, kind in (
            (network.input_shape, network.input_type),
            (network.output_shape, network.output_type),
        )
    )
    pixels_for = _pixels_by_first_byte(network)
    application = read_application(write_adders(tmp_path / "app", [0], size=take, give=give))
    keys = ClientKeys.new()
    image = len(pixels_for[0])
    boards = [LocalBoard("only", "onnx", client_key=keys.public)]
    with (
        Nodes(boards, keys) as nodes,
        Deployment(application, nodes, attempts=1) as deployment,
        InferService(
            "127.0.0.1", 0, keys=SERVER, client_key=CLIENT.public, image_bytes=image
        ) as service,
    ):
        ends = threading.Event()

        class Ends(ServeProgress):
            def tick(self) -> None:
                if ends.is_set():
                    raise KeyboardInterrupt

        progress = Ends()
        thread = threading.Thread(
            target=lambda: _until_interrupted(network, deployment, service, progress)
        )
        thread.start()
        client = Client(context, service)
        try:
            found = []
            for first in (0, 255, 0, 254, 0):
                client.socket.send_multipart([encode("infer", id=1, images=1), pixels_for[first]])
                client.hear("started")
                found.append(client.hear("done", "failed"))
        finally:
            ends.set()
            thread.join(20)
    assert [one["type"] for one in found] == ["done", "failed", "done", "failed", "done"]
    assert found[1]["reason"] == "image 0: 255 cannot be added to"
    assert (found[1]["stage"], found[1]["epoch"], found[2]["epoch"]) == (0, 1, 1)
    assert "the adder broke" in found[3]["reason"]
    assert found[4]["epoch"] == 2, "a new pipeline"
    assert [one["job"] for one in found] == [1, 2, 3, 4, 5]
    assert (progress.jobs, progress.images, progress.failures) == (3, 3, 2)


def _until_interrupted(
    network: Any, deployment: Deployment, service: InferService, progress: ServeProgress
) -> None:
    with pytest.raises(KeyboardInterrupt):
        serve_jobs(network, deployment, service, progress)


def _pixels_by_first_byte(network: Any) -> dict[int, bytes]:
    """Images whose encoding begins with the byte 0, 254 or 255."""
    tensor = CutTensor(network.input_shape, network.input_type)
    found: dict[int, bytes] = {}
    random = np.random.default_rng(3)
    while len(found) < 3:
        pixels = random.integers(0, 256, (500, *network.input_shape), dtype=np.uint8)
        pixels[:, 0] = np.arange(500, dtype=np.uint8).reshape(-1, *[1] * (pixels.ndim - 2))
        words = tensor.pack(network.encode_pixels(pixels)).reshape(500, -1)
        for image, first in zip(pixels, words.view(np.uint8)[:, 0].tolist(), strict=True):
            if first in (0, 254, 255):
                found.setdefault(first, image.tobytes())
    return found


def _service_file(**changes: Any) -> ServiceFile:
    start = process_start(os.getpid())
    assert start is not None
    content: dict[str, Any] = {
        "address": "tcp://127.0.0.1:1",
        "server_key": SERVER.public,
        "client_public_key": CLIENT.public,
        "client_secret_key": CLIENT.secret,
        "pid": os.getpid(),
        "started": start,
        "boot": boot_identity(),
        "network": "small",
        "network_sha256": "00",
        "cuts": [],
        "engines": ["onnx"],
        "input_shape": [2, 2, 3],
        "classes": ["a", "b"],
        "most_images": 3,
    }
    return ServiceFile(**{**content, **changes})


def test_the_file_of_a_service_that_is_gone_is_replaced(tmp_path: Path) -> None:
    stale = _service_file(started=1)
    assert stale.is_alive is False
    write_service_file(tmp_path, stale)
    check_not_served(tmp_path)
    alive = _service_file()
    assert alive.is_alive
    path = write_service_file(tmp_path, alive)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_service_file(tmp_path) == alive
    with pytest.raises(DeployError, match=f"a service runs here, process {os.getpid()}"):
        write_service_file(tmp_path, _service_file(network="other"))
    remove_service_file(tmp_path, stale)
    assert read_service_file(tmp_path) == alive, "it is not that one's"
    assert _service_file(boot="another").is_alive is None, "of another machine nothing is known"
    remove_service_file(tmp_path, alive)
    assert list(tmp_path.iterdir()) == []


def test_the_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = ServeProgress()
    assert progress.images_per_second == 0
    now = 102.0
    progress.done(30)
    assert progress.images_per_second == 15
    now = 111.0
    progress.done(1)
    progress.failed("poison")
    assert progress.images_per_second == 3.1
    now = 113.0
    assert progress.images_per_second == 0.1
    assert progress.summary() == "2 jobs, 31 images, 1 failure"
