"""Control messages: what is exactly of the form passes, everything else is refused by one error."""

from __future__ import annotations

import json
import socket
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.deploy.node.json_channel import JsonChannel
from dse.deploy.node.messages import (
    MOST_BYTES,
    PROTOCOL_VERSION,
    REQUESTS,
    MessageError,
    decode,
    decode_request,
    encode,
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "hello": {"client": "dse"},
    "ping": {},
    "spawn": {
        "task": "ab-1-0",
        "app": "a",
        "name": "stage",
        "peer": 0,
        "main": "/x/y.py",
        "config": {"pipeline": {"position": 0}},
        "limits": {"load": 1.5},
        "cpu": 1000,
        "fpga": 0,
    },
    "link": {
        "task": "ab-1-0",
        "hop": 0,
        "role": "accept",
        "host": "127.0.0.1",
        "port": 1,
        "secret": "00",
        "nonce": "00",
        "seconds": 1,
    },
    "run": {"task": "ab-1-0"},
    "timings": {"task": "ab-1-0"},
    "event": {"app": "a", "event": "e", "to": None, "peer": None, "source": "", "data": [1, {}]},
    "stop": {"task": "ab-1-0"},
}
kinds = st.sampled_from(sorted(EXAMPLES))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def message(kind: str, **changes: Any) -> dict[str, Any]:
    return {"v": PROTOCOL_VERSION, "type": kind, "id": 7, **EXAMPLES[kind], **changes}


def refused(content: Any) -> str:
    with pytest.raises(MessageError) as error:
        decode_request(json.dumps(content).encode())
    return str(error.value)


def test_there_is_an_example_of_every_request() -> None:
    assert set(EXAMPLES) == set(REQUESTS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_request_passes_as_it_was_written(kind: str) -> None:
    number, request = decode_request(encode(kind, id=7, **EXAMPLES[kind]))
    assert number == 7
    assert request == message(kind)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_field_that_is_missing_or_unknown_is_refused(kind: str) -> None:
    for name in (*EXAMPLES[kind], "v", "type", "id"):
        content = message(kind)
        del content[name]
        refused(content)
    assert "'more' is missing or unknown" in refused(message(kind, more=1))


@given(kind=kinds, data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_field_of_another_type_is_refused(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["v", "type", "id", *EXAMPLES[kind]]))
    value = data.draw(values)
    content = message(kind, **{name: value})
    try:
        decode_request(json.dumps(content).encode())
    except MessageError:
        return
    if name == "v":
        assert value is not True
        assert value == PROTOCOL_VERSION
        assert isinstance(value, int)
    elif name == "type":
        assert value == kind
    elif name == "id":
        assert type(value) is int
    elif REQUESTS[kind][name] is not object:
        assert isinstance(value, REQUESTS[kind][name])
        assert not isinstance(value, bool)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"v":1}',
        b'{"v":1,"type":["ping"],"id":1}',
        b'{"v":1,"type":"ping","id":true}',
        b'{"v":1,"type":"ping","id":1.0}',
        b'{"v":true,"type":"ping","id":1}',
        b'{"v":1.0,"type":"ping","id":1}',
        b'{"v":2,"type":"ping","id":1}',
        b'{"v":"1","type":"ping","id":1}',
        b'{"v":1,"type":"Ping","id":1}',
        b'{"v":1,"type":"_on_ping","id":1}',
        b'{"v":1,"type":"ping","id":1}{}',
        b'{"v":1,"type":"ping","id":' + b"9" * 5000 + b"}",
        b'{"v":' + b"[" * 100_000 + b'],"type":"ping","id":1}',
        b"[" * 500_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError):
        decode_request(data)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    text = json.dumps(message("link")).replace('"seconds": 1', f'"seconds": {number}')
    assert number in text
    with pytest.raises(MessageError):
        decode_request(text.encode())


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), [{"deep": -float("inf")}], date(2020, 1, 1), {(1,): 2}]
)
def test_what_json_does_not_have_is_not_written(value: object) -> None:
    with pytest.raises(MessageError, match="event: no JSON"):
        encode("event", id=1, **{**EXAMPLES["event"], "data": value})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises((TypeError, ValueError)):
            JsonChannel(ours).send({"type": "output", "data": value})
        JsonChannel(ours).send({"type": "output", "data": 1})
        assert JsonChannel(theirs).read() == [{"type": "output", "data": 1}], "nothing before it"


@given(values)
def test_what_is_written_to_a_channel_is_read_as_it_was(value: object) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            JsonChannel(ours).send({"data": value})
        except ValueError:
            assert "inf" in repr(value)
            return
        assert JsonChannel(theirs).read() == [{"data": value}]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_a_channel_takes_no_number_that_is_none(number: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(f'{{"data":{number}}}\n'.encode())
        with pytest.raises(ValueError, match=number):
            JsonChannel(theirs).read()


def test_a_message_that_is_too_long_is_refused_at_both_ends() -> None:
    long = "x" * MOST_BYTES
    with pytest.raises(MessageError):
        encode("event", id=1, **{**EXAMPLES["event"], "data": long})
    with pytest.raises(MessageError, match="bytes"):
        decode(json.dumps(message("event", data=long)).encode())
