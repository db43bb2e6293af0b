"""Setting up a hop: only the other end of it gets in, whoever else tries, and none is held up."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from dse.deploy.link_certificate import make_link_certificate
from dse.deploy.node.frames import BEGIN, CREDIT, FrameError, frame_header
from dse.deploy.node.hop import HopReceiver, HopSender
from dse.deploy.node.links import HopKey, LinkError, accept, connect, listen, tls_context

PIPELINE = b"p" * 16
SECRET, NONCE = b"s" * 32, b"n" * 32
HELLO_BYTES = 4 + 1 + 2 + 16 + 4 + 32


def key(
    *,
    hop: int = 1,
    pipeline: bytes = PIPELINE,
    epoch: int = 5,
    secret: bytes = SECRET,
    nonce: bytes = NONCE,
    tls: ssl.SSLContext | None = None,
) -> HopKey:
    return HopKey(hop, pipeline, epoch, secret, nonce, tls)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    before = threading.active_count()
    with listen("127.0.0.1") as listener:
        yield listener
    deadline = time.monotonic() + 5
    # Whoever was asked for a proof and hung up on is not waited for any more.
    while [one for one in threading.enumerate() if "_examine" in one.name]:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)
    assert before >= 1


def port_of(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return host, port


def accepting(
    pool: ThreadPoolExecutor, listener: socket.socket, seconds: float = 10.0, **changes: object
) -> Future[socket.socket]:
    return pool.submit(accept, listener, key(**changes), seconds)  # type: ignore[arg-type]


def talks(one: socket.socket, other: socket.socket) -> None:
    """What goes in at one end comes out at the other, both ways; both closed then."""
    with closing(one), closing(other):
        for source, sink in ((one, other), (other, one)):
            source.sendall(b"abc")
            assert sink.recv(3) == b"abc"


def test_two_ends_with_one_secret_find_each_other(
    pool: ThreadPoolExecutor, listener: socket.socket
) -> None:
    accepted = accepting(pool, listener)
    connected = connect(port_of(listener), key(), 5.0)
    ours = accepted.result(5)
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    talks(connected, ours)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": b"x" * 32},
        {"nonce": b"x" * 32},
        {"hop": 2},
        {"epoch": 4},
        {"epoch": 6},
        {"pipeline": b"q" * 16},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whoever_has_another_secret_nonce_hop_or_epoch_is_turned_away(
    pool: ThreadPoolExecutor, listener: socket.socket, changes: dict[str, object]
) -> None:
    accepted = accepting(pool, listener)
    with pytest.raises(LinkError):
        connect(port_of(listener), key(**changes), 5.0)  # type: ignore[arg-type]
    # The wait went on, for the right one.
    connected = connect(port_of(listener), key(), 5.0)
    talks(connected, accepted.result(5))


def test_who_waits_is_not_fooled_either(pool: ThreadPoolExecutor) -> None:
    """An acceptor that does not know the secret."""
    with listen("127.0.0.1") as listener:
        accepted = accepting(pool, listener, 0.4, secret=b"x" * 32)
        with pytest.raises(LinkError, match="does not know its secret"):
            connect(port_of(listener), key(), 5.0)
        with pytest.raises(LinkError, match="nobody connected"):
            accepted.result(5)


def recorded(pool: ThreadPoolExecutor, listener: socket.socket) -> tuple[bytes, bytes]:
    """What the connecting end said in a whole, honest set-up."""
    said: list[bytes] = []

    def relay(near: socket.socket, far: socket.socket, note: bool) -> None:
        with suppress(OSError):
            while piece := near.recv(4096):
                if note:
                    said.append(piece)
                far.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as middle:
        accepted = accepting(pool, listener)
        connected = pool.submit(connect, middle.getsockname()[:2], key(), 5.0)
        near, _ = middle.accept()
        far = socket.create_connection(port_of(listener))
        threads = [
            threading.Thread(target=relay, args=(near, far, True)),
            threading.Thread(target=relay, args=(far, near, False)),
        ]
        for thread in threads:
            thread.start()
        ours, theirs = connected.result(5), accepted.result(5)
        for one in (ours, theirs, near, far):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for one in (ours, theirs, near, far):
            one.close()
    whole = b"".join(said)
    assert len(whole) == HELLO_BYTES + 32
    return whole[:HELLO_BYTES], whole[HELLO_BYTES:]


def test_a_recorded_hello_opens_nothing_a_second_time(
    pool: ThreadPoolExecutor, listener: socket.socket
) -> None:
    hello, proof = recorded(pool, listener)
    accepted = accepting(pool, listener)
    for words in (hello + proof, hello + bytes(32), proof + hello):
        with socket.create_connection(port_of(listener)) as thief:
            thief.settimeout(5)
            thief.sendall(words)
            rest = b""
            with suppress(ConnectionResetError):
                while piece := thief.recv(4096):
                    rest += piece
            # At most the answer to the hello, then the end.
            assert len(rest) in (0, 68)
    assert not accepted.done()
    talks(connect(port_of(listener), key(), 5.0), accepted.result(5))


def test_the_acceptors_own_words_are_no_proof(
    pool: ThreadPoolExecutor, listener: socket.socket
) -> None:
    """What it says is sent back to it: the two roles sign different things."""
    accepted = accepting(pool, listener)
    with socket.create_connection(port_of(listener)) as thief:
        thief.settimeout(5)
        thief.sendall(key(secret=bytes(32)).hello())
        answer = thief.recv(68, socket.MSG_WAITALL)
        thief.sendall(answer[36:])
        assert thief.recv(1) == b""
    talks(connect(port_of(listener), key(), 5.0), accepted.result(5))


def strangers(address: tuple[str, int], count: int) -> list[socket.socket]:
    """They say all kinds of things, or nothing, and stay."""
    words = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"DSEH",
        key(hop=9).hello(),
        key(secret=b"x" * 32).hello(),
        key().hello()[:-1],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        bytes(10_000),
    ]
    made = []
    for index in range(count):
        stranger = socket.socket()
        stranger.setblocking(False)
        with suppress(BlockingIOError):
            stranger.connect(address)
        made.append(stranger)
        time.sleep(0.001)
        with suppress(OSError):
            stranger.send(words[index % len(words)])
    return made


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_hundred_strangers_do_not_keep_the_honest_one_out(
    pool: ThreadPoolExecutor, listener: socket.socket, tmp_path: Path, is_secure: bool
) -> None:
    contexts: dict[bool, ssl.SSLContext | None] = {True: None, False: None}
    if is_secure:
        certificate = tmp_path / "hop.pem"
        certificate.write_bytes(make_link_certificate())
        contexts = {server: tls_context(certificate, server) for server in (True, False)}
    accepted = accepting(pool, listener, 10.0, tls=contexts[True])
    others = strangers(port_of(listener), 100)
    try:
        began = time.monotonic()
        connected = connect(port_of(listener), key(tls=contexts[False]), 8.0)
        ours = accepted.result(8)
        assert time.monotonic() - began < 3.0
        talks(connected, ours)
    finally:
        for other in others:
            other.close()


def test_silence_and_dribbling_end_with_the_time_that_was_given(
    pool: ThreadPoolExecutor, listener: socket.socket
) -> None:
    accepted = accepting(pool, listener, 1.0)
    with (
        socket.create_connection(port_of(listener)),
        socket.create_connection(port_of(listener)) as slow,
    ):
        began = time.monotonic()
        hello = key().hello()
        with suppress(OSError):
            for at in range(len(hello)):
                slow.send(hello[at : at + 1])
                time.sleep(0.05)
                if accepted.done():
                    break
        with pytest.raises(LinkError, match="nobody connected in 1 s"):
            accepted.result(5)
        assert time.monotonic() - began < 3.0


def test_an_acceptor_that_says_nothing_holds_nobody_up_for_long() -> None:
    with listen("127.0.0.1") as listener:
        began = time.monotonic()
        with pytest.raises(LinkError):
            connect(port_of(listener), key(), 0.5)
        assert 0.4 < time.monotonic() - began < 3.0


def test_nobody_there_is_a_link_error() -> None:
    with listen("127.0.0.1") as listener:
        address = port_of(listener)
    with pytest.raises(LinkError, match="hop 1: no connection: Connection refused"):
        connect(address, key(), 1.0)


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> list[Path]:
    """Two, of two deployments."""
    made = [tmp_path / "one.pem", tmp_path / "other.pem"]
    for path in made:
        path.write_bytes(make_link_certificate())
    return made


def secure(
    pool: ThreadPoolExecutor, listener: socket.socket, here: Path, there: Path
) -> tuple[Future[socket.socket], Callable[[], socket.socket]]:
    accepted = accepting(pool, listener, 1.0, tls=tls_context(here, True))
    return accepted, lambda: connect(port_of(listener), key(tls=tls_context(there, False)), 2.0)


def test_with_one_certificate_a_hop_is_encrypted(
    pool: ThreadPoolExecutor, listener: socket.socket, certificates: list[Path]
) -> None:
    accepted, other = secure(pool, listener, certificates[0], certificates[0])
    connected = other()
    ours = accepted.result(5)
    assert isinstance(ours, ssl.SSLSocket)
    assert ours.version() in ("TLSv1.2", "TLSv1.3")
    talks(connected, ours)


def test_another_certificate_is_refused_though_the_secret_is_right(
    pool: ThreadPoolExecutor, listener: socket.socket, certificates: list[Path]
) -> None:
    accepted, other = secure(pool, listener, *certificates)
    with pytest.raises(LinkError):
        other()
    with pytest.raises(LinkError, match="nobody connected"):
        accepted.result(5)


def test_plain_words_are_not_taken_where_tls_is_due(
    pool: ThreadPoolExecutor, listener: socket.socket, certificates: list[Path]
) -> None:
    accepted = accepting(pool, listener, 0.4, tls=tls_context(certificates[0], True))
    with pytest.raises(LinkError):
        connect(port_of(listener), key(), 2.0)
    with pytest.raises(LinkError, match="nobody connected"):
        accepted.result(5)


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hop.pem"
    path.write_text("nothing")
    with pytest.raises(LinkError, match=r"hop\.pem: not a certificate"):
        tls_context(path, True)


# -- credit ---------------------------------------------------------------------------------------


def test_a_sender_without_credit_waits_for_it() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        far.settimeout(5)
        waited = threading.Event()
        sender = HopSender(near, 0, 3, 1, waited.set)
        receiver = HopReceiver(far, 8, 3, 1, lambda: None)
        failed: list[Exception] = []

        def send() -> None:
            try:
                for sequence in range(10):
                    sender.put(1, sequence, bytes(8), 0)
                    sender.flush()
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        came = 0
        while came < 3:
            assert receiver.wait()
            while (frame := receiver.next()) is not None:
                assert frame.sequence == came
                came += frame.chunks
        # Nothing more comes until there is credit.
        assert waited.wait(5)
        far.settimeout(0.1)
        with pytest.raises(TimeoutError):
            far.recv(1)
        far.settimeout(5)
        receiver.consumed(1)
        while came < 10:
            assert receiver.wait()
            while (frame := receiver.next()) is not None:
                assert frame.sequence == came
                came += frame.chunks
                receiver.consumed(frame.chunks)
        thread.join(5)
        assert not thread.is_alive()
        assert not failed


@pytest.mark.parametrize(
    "words",
    [
        frame_header(CREDIT, 0, 0, 1, 4),  # more than are on the way
        frame_header(CREDIT, 0, 0, 1, 0),
        frame_header(CREDIT, 0, 0, 2, 1),  # of another epoch
        frame_header(BEGIN, 0, 1, 1, 1),
        bytes(32),
    ],
)
def test_credit_that_is_none_is_refused(words: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(5)
        sender = HopSender(near, 0, 3, 1, lambda: None)
        for sequence in range(3):
            sender.put(1, sequence, bytes(8), 0)
        far.sendall(words)
        with pytest.raises(FrameError):
            sender.put(1, 3, bytes(8), 0)
