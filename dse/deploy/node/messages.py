"""Control messages between the client and a node manager: which there are, and what is in them.

A message is one ZeroMQ frame of JSON: an object with ``v`` (the version of the protocol), ``type``
and the fields of that type. A request has an ``id``; its answer has the same number as ``re``. What
is not exactly of such a form is refused and changes nothing. docs/protocol.md says what they mean.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

from dse.deploy.node.strict_json import from_json, to_json
from dse.errors import DseError

PROTOCOL_VERSION = 1
#: Longest message in bytes, checked by ZeroMQ before it is taken in.
MOST_BYTES = 1 << 20

_NUMBER = (int, float)
_TEXT_OR_NONE = (str, type(None))
_COUNT_OR_NONE = (int, type(None))

#: Type of a request -> its fields beside v, type and id, and what each may be.
REQUESTS: Dict[str, Dict[str, Any]] = {
    "hello": {"client": str},
    "ping": {},
    "spawn": {
        "task": str,
        "app": str,
        "name": str,
        "peer": int,
        "main": str,
        "config": dict,
        "limits": dict,
        "cpu": int,
        "fpga": int,
    },
    "link": {
        "task": str,
        "hop": int,
        "role": str,
        "host": str,
        "port": int,
        "secret": str,
        "nonce": str,
        "seconds": _NUMBER,
    },
    "run": {"task": str},
    "timings": {"task": str},
    "event": {
        "app": str,
        "event": str,
        "to": _TEXT_OR_NONE,
        "peer": _COUNT_OR_NONE,
        "source": str,
        "data": object,
    },
    "stop": {"task": str},
}


class MessageError(DseError):
    """A control message that is not of the protocol."""


def encode(kind: str, **fields: Any) -> bytes:
    """A message of type ``kind``. MessageError if it is longer than one may be, or holds what JSON
    does not have (NaN, say)."""
    try:
        data = to_json({"v": PROTOCOL_VERSION, "type": kind, **fields}).encode()
    except (TypeError, ValueError) as error:
        raise MessageError(f"{kind}: no JSON: {error}") from error
    if len(data) > MOST_BYTES:
        raise MessageError(f"a {kind} message of {len(data)} bytes", expected=f"{MOST_BYTES}")
    return data


def decode(data: bytes) -> Dict[str, Any]:
    """The object in ``data``, of this version. MessageError if it is none."""
    if len(data) > MOST_BYTES:
        raise MessageError(f"a message of {len(data)} bytes", expected=f"{MOST_BYTES} at most")
    try:
        message = from_json(data.decode("utf-8"))
    except ValueError as error:
        raise MessageError(f"not JSON: {type(error).__name__}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MessageError("not an object with a type")
    version = message.get("v")
    # JSON's true and 1.0 equal 1 in Python, and are not it.
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise MessageError("of another version", expected=str(PROTOCOL_VERSION))
    return message


def decode_request(data: bytes) -> Tuple[int, Dict[str, Any]]:
    """Number and content of a request, every field there and of its type. MessageError if not."""
    message = decode(data)
    kind = message["type"]
    number = message.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise MessageError(f"a {kind[:20]} message without id")
    if kind not in REQUESTS:
        raise MessageError(f"a message of type {kind[:20]!r}", choices=REQUESTS)
    fields = REQUESTS[kind]
    given = set(message) - {"v", "type", "id"}
    if given != set(fields):
        odd = sorted(given ^ set(fields))[0]
        raise MessageError(f"{kind}: field {odd[:20]!r} is missing or unknown", choices=fields)
    for name, wanted in fields.items():
        if not _is_a(message[name], wanted):
            raise MessageError(f"{kind}: {name} is a {type(message[name]).__name__}")
    return number, message


def _is_a(value: Any, wanted: Any) -> bool:
    # JSON's true is no number.
    return isinstance(value, wanted) and (wanted is object or not isinstance(value, bool))
