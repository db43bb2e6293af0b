"""gRPC: streams of bytes that stay open, client to stage 0 to stage 1 to client."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from bench.transport.contestant import Batch, RunBatch, reply

_SERVICE = "bench.Stage"
_PUSH, _RESULTS = f"/{_SERVICE}/Push", f"/{_SERVICE}/Results"


def _serve(position: int, result: bytes, next_port: int | None, pipe: Connection) -> None:
    """A stage: takes a stream of images; what becomes of them goes into the stream to the next
    stage, or, from the last one, into the stream of the caller of Results."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    finished: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def computed(images: Iterator[bytes]) -> Iterator[bytes]:
        for _ in images:
            yield result

    def push_on(images: Iterator[bytes], context: Any) -> bytes:
        with grpc.insecure_channel(f"127.0.0.1:{next_port}") as channel:
            answer: bytes = channel.stream_unary(_PUSH)(computed(images))
            return answer

    def push_last(images: Iterator[bytes], context: Any) -> bytes:
        for one in computed(images):
            finished.put(one)
        return b""

    def results(request: bytes, context: Any) -> Iterator[bytes]:
        while True:
            yield finished.get()

    push = push_last if next_port is None else push_on
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                _SERVICE,
                {
                    "Push": grpc.stream_unary_rpc_method_handler(push),
                    "Results": grpc.unary_stream_rpc_method_handler(results),
                },
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pipe.send(port)
    with suppress(EOFError):  # it ends when the client does
        pipe.recv()
    server.stop(None)
    # A thread that waits for what nobody will finish would keep the process.
    os._exit(0)


@contextmanager
def grpc_streams(batch: Batch) -> Iterator[RunBatch]:
    """No protocol buffers: messages are bytes as they are."""
    import grpc

    context = multiprocessing.get_context("spawn")
    images = [row.tobytes() for row in batch.pixels]
    processes, pipes = [], []
    ports: list[int] = []
    try:
        for position in (1, 0):
            ours, theirs = context.Pipe()
            result = reply(position, batch.output_bytes[position])
            following = ports[-1] if ports else None
            process = context.Process(target=_serve, args=(position, result, following, theirs))
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
            ports.append(ours.recv())
        outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with (
            grpc.insecure_channel(f"127.0.0.1:{ports[1]}") as first,
            grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as last,
        ):
            # Kept: a call that nobody refers to is cancelled.
            push = first.stream_unary(_PUSH).future(iter(outgoing.get, None))
            incoming = last.unary_stream(_RESULTS)(b"")

            def run() -> list[bytes]:
                for image in images:
                    outgoing.put(image)
                return [next(incoming) for _ in images]

            yield run
            outgoing.put(None)
            push.result(5)
            incoming.cancel()
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
