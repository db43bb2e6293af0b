"""What ``dse infer`` and the service of ``dse deploy --serve`` say to each other.

Over ZeroMQ (client DEALER, service ROUTER, CURVE). The first part of each message is JSON as of the
control channel (dse/deploy/node/messages.py): ``v``, ``type`` and more; binary parts follow.

============ =========== ========================================= =================================
type         from        fields                                    binary parts
============ =========== ========================================= =================================
``infer``    client      ``id``, ``images``                        pixels: uint8 (images, *shape)
``ping``     client      ``id``
``pong``     service     ``re``
``queued``   service     ``re``, ``ahead``: jobs before it
``started``  service     ``re``
``done``     service     ``re``, ``job``, ``epoch``, ``images``,   logits: int32 (images, classes);
                         ``classes``, ``response_seconds``         scores: float64 (images, classes)
``failed``   service     ``re``, ``job``, ``epoch``, ``stage``,
                         ``reason``
``refused``  service     ``re``, ``reason``
============ =========== ========================================= =================================

Arrays are little-endian and in C order. An ``infer`` ends in exactly one of ``done``, ``failed``
and ``refused``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.deploy.node.messages import MessageError, decode

#: Of each part of a message, checked by ZeroMQ before it is taken in.
MOST_PART_BYTES = 1 << 24
#: How often a client that waits gives a sign of life, and asks for one.
PING_SECONDS = 1.0

LOGITS, SCORES = np.dtype("<i4"), np.dtype("<f8")


def decode_infer(parts: Sequence[bytes], image_bytes: int) -> tuple[int, str, int, bytes]:
    """Number, type (``infer`` or ``ping``), images and pixels of what a client says. MessageError
    if it is not of the form above."""
    if not parts:
        raise MessageError("an empty message")
    message = decode(parts[0])
    kind, number = message["type"], message.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise MessageError(f"a {kind[:20]} message without id")
    if kind == "ping" and len(parts) == 1:
        return number, kind, 0, b""
    if kind != "infer" or len(parts) != 2:
        raise MessageError(f"a {kind[:20]} message of {len(parts)} parts")
    images = message.get("images")
    if not isinstance(images, int) or isinstance(images, bool) or images < 1:
        raise MessageError("infer: images is no number of images")
    if len(parts[1]) != images * image_bytes:
        raise MessageError(
            f"{len(parts[1])} bytes for {images} images", expected=f"{images * image_bytes}"
        )
    return number, kind, images, parts[1]


def decode_result(
    message: dict[str, Any], parts: Sequence[bytes], images: int, classes: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Logits and scores, (images, classes) each, of a ``done``. MessageError if they are not."""
    size = images * classes
    if (
        message.get("images") != images
        or message.get("classes") != classes
        or [len(part) for part in parts] != [size * LOGITS.itemsize, size * SCORES.itemsize]
    ):
        raise MessageError("a result of another size", expected=f"({images}, {classes})")
    logits = np.frombuffer(parts[0], LOGITS).reshape(images, classes).astype(np.int32)
    return logits, np.frombuffer(parts[1], SCORES).reshape(images, classes).astype(np.float64)
