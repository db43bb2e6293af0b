"""Plain sockets: a process a stage, nothing recovered, nothing measured, and but for one of them
nothing checked."""

from __future__ import annotations

import multiprocessing
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from zlib import crc32

from bench.transport.contestant import Batch, RunBatch, reply

_LENGTH = struct.Struct("<I")
_CHECKED = struct.Struct("<II")
_Stage = Callable[[socket.socket, socket.socket, int, bytes], None]


def _hop() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sending = socket.create_connection(listener.getsockname())
        receiving, _ = listener.accept()
    for end in (sending, receiving):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sending, receiving


@contextmanager
def _two_stages(batch: Batch, stage: _Stage) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's ends. The stages are forked: nothing here has threads, and they end when
    their input does."""
    first, last = _hop(), _hop()
    between = _hop()
    ends = [*first, *between, *last]
    processes: list[BaseProcess] = []
    inputs = (batch.image_bytes, batch.middle_bytes)
    hops = ((first[1], between[0]), (between[1], last[0]))
    for position, (ours, size, output) in enumerate(
        zip(hops, inputs, batch.output_bytes, strict=True)
    ):

        def serve(
            ours: tuple[socket.socket, socket.socket] = ours,
            size: int = size,
            result: bytes = reply(position, output),
        ) -> None:
            for end in ends:
                if end not in ours:
                    end.close()
            stage(*ours, size, result)

        process = multiprocessing.get_context("fork").Process(target=serve)
        process.start()
        processes.append(process)
    for end in ends:
        if end not in (first[0], last[1]):
            end.close()
    try:
        yield first[0], last[1]
    finally:
        first[0].close()
        last[1].close()
        for one in processes:
            one.join()


def _receive(connection: socket.socket, count: int) -> bytearray | None:
    """None at the end of the stream."""
    data = bytearray(count)
    got = connection.recv_into(data)
    while got < count:
        more = connection.recv_into(memoryview(data)[got:])
        if not more:
            return None
        got += more
    return data


# -- with a length before each image ---------------------------------------------------------


def _receive_message(connection: socket.socket) -> bytearray | None:
    head = _receive(connection, _LENGTH.size)
    return None if head is None else _receive(connection, _LENGTH.unpack(head)[0])


def _send_message(connection: socket.socket, data: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _stage_with_length(
    receiving: socket.socket, sending: socket.socket, size: int, result: bytes
) -> None:
    while _receive_message(receiving) is not None:
        _send_message(sending, result)


@contextmanager
def with_length(batch: Batch) -> Iterator[RunBatch]:
    """Four bytes of length before each image: the least with which sizes may differ."""
    images = [row.tobytes() for row in batch.pixels]
    with _two_stages(batch, _stage_with_length) as (sending, receiving):

        def run() -> list[bytearray | None]:
            for image in images:
                _send_message(sending, image)
            return [_receive_message(receiving) for _ in images]

        yield run


# -- with a length and a checksum before each image ----------------------------------------------


def _receive_checked(connection: socket.socket) -> bytearray | None:
    head = _receive(connection, _CHECKED.size)
    if head is None:
        return None
    length, checksum = _CHECKED.unpack(head)
    data = _receive(connection, length)
    if data is not None and crc32(data) != checksum:
        raise ValueError("an image whose checksum is not that of its bytes")
    return data


def _send_checked(connection: socket.socket, data: bytes) -> None:
    connection.sendall(_CHECKED.pack(len(data), crc32(data)) + data)


def _checking_stage(
    receiving: socket.socket, sending: socket.socket, size: int, result: bytes
) -> None:
    while _receive_checked(receiving) is not None:
        _send_checked(sending, result)


@contextmanager
def with_checksum(batch: Batch) -> Iterator[RunBatch]:
    """A CRC-32 as well, of which our frames have one, too: what that costs by itself."""
    images = [row.tobytes() for row in batch.pixels]
    with _two_stages(batch, _checking_stage) as (sending, receiving):

        def run() -> list[bytearray | None]:
            for image in images:
                _send_checked(sending, image)
            return [_receive_checked(receiving) for _ in images]

        yield run


# -- of a size known beforehand -----------------------------------------------------------------


def _stage_without_frames(
    receiving: socket.socket, sending: socket.socket, size: int, result: bytes
) -> None:
    while _receive(receiving, size) is not None:
        sending.sendall(result)


@contextmanager
def without_frames(batch: Batch) -> Iterator[RunBatch]:
    """No framing at all: both ends count bytes."""
    images = [row.tobytes() for row in batch.pixels]
    with _two_stages(batch, _stage_without_frames) as (sending, receiving):

        def run() -> list[bytearray | None]:
            for image in images:
                sending.sendall(image)
            return [_receive(receiving, batch.result_bytes) for _ in images]

        yield run
