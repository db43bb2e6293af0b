"""Sending images to the service of ``dse deploy --serve``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zmq
from numpy.typing import NDArray

from dse.classify import DIGIT_NAMES, Classified
from dse.deploy.infer_messages import PING_SECONDS, decode_result
from dse.deploy.node.messages import decode, encode
from dse.deploy.service_file import SERVICE_FILE, ServiceFile, read_service_file
from dse.errors import DeployError, DseError, InputError
from dse.pictures import load_picture

#: After how long without any sign of life the service counts as gone.
SILENCE_SECONDS = 5.0
_MOST_ANSWER_BYTES = 1 << 28


@dataclass(frozen=True)
class InferResult:
    """``images`` as ``dse run`` has them; ``response_seconds``: from the first image given to the
    pipeline to its last result; ``request_seconds``: from the request to the answer, the wait for
    other jobs included; ``job``: which one of the service's, from 1; ``epoch``: of its pipeline."""

    service: ServiceFile
    images: tuple[Classified, ...]
    response_seconds: float
    request_seconds: float
    job: int
    epoch: int

    @property
    def labelled(self) -> int:
        """How many images came with the class they really are."""
        return sum(image.is_right is not None for image in self.images)

    @property
    def correct(self) -> int | None:
        """How many of those were classified rightly; None without labels."""
        return sum(bool(image.is_right) for image in self.images) if self.labelled else None


def infer_pictures(
    pictures: Literal["digits"] | Sequence[str | Path] | NDArray[np.uint8],
    folder: Path,
    images: int | None = None,
    on_state: Callable[[str], None] = lambda text: None,
) -> InferResult:
    """Have picture files, pixels (images, *input_shape) or the held-out digits (``images``: only
    the first so many) classified by the service whose serve.json is in ``folder``.

    ``on_state``: told what is waited for. Raises DeployError where there is no service, it ends or
    the job fails; PictureError or InputError for what the network cannot take.
    """
    service = read_service_file(folder)
    where = folder / SERVICE_FILE
    _check_alive(service, where)
    names, pixels, labels = _load(pictures, service, images)
    if not 0 < len(pixels) <= service.most_images:
        raise InputError(
            f"{len(pixels)} images in one request", expected=f"1 to {service.most_images}"
        )
    began = time.monotonic()
    message, parts = _ask(service, where, pixels, on_state)
    seconds = time.monotonic() - began
    kind = message["type"]
    if kind != "done":
        stage = message.get("stage")
        at = "" if stage is None else f" at stage {stage}"
        what = "the job failed" + at if kind == "failed" else "refused"
        raise DeployError(f"{what}: {message.get('reason')}", where=where)
    logits, scores = decode_result(message, parts, len(pixels), len(service.classes))
    winners = scores.argmax(axis=1)
    return InferResult(
        service,
        tuple(
            Classified(
                name=name,
                logits=tuple(logits[index].tolist()),
                scores=tuple(scores[index].tolist()),
                class_index=int(winners[index]),
                class_name=service.classes[winners[index]],
                label=None if labels is None else labels[index],
            )
            for index, name in enumerate(names)
        ),
        float(message["response_seconds"]),
        seconds,
        int(message["job"]),
        int(message["epoch"]),
    )


def _load(
    pictures: Literal["digits"] | Sequence[str | Path] | NDArray[np.uint8],
    service: ServiceFile,
    images: int | None,
) -> tuple[list[str], NDArray[np.uint8], list[str] | None]:
    """Names, pixels, and labels where they are known."""
    shape = tuple(service.input_shape)
    if images is not None and images < 1:
        raise InputError(f"{images} images", expected="1 or more")
    if isinstance(pictures, str) and pictures != "digits":
        pictures = [pictures]
    if isinstance(pictures, str):
        from finn_flows.digits import load_digits_split

        pixels, classes = load_digits_split("test")
        if pixels.shape[1:] != shape:
            raise InputError(
                f"{service.network} reads pictures of {shape}, the digits are {pixels.shape[1:]}"
            )
        names = [f"digits-test-{index}" for index in range(len(pixels))]
        are_digits = tuple(service.classes) == DIGIT_NAMES
        labels = [str(one) for one in classes][:images] if are_digits else None
        return names[:images], pixels[:images], labels
    if isinstance(pictures, np.ndarray):
        if pictures.dtype != np.uint8 or pictures.shape[1:] != shape:
            raise InputError(
                f"pixels of shape {pictures.shape} and type {pictures.dtype}",
                expected=f"uint8 (images, {', '.join(map(str, shape))})",
            )
        return [f"image-{index}" for index in range(len(pictures))], pictures, None
    loaded = [load_picture(Path(picture), shape) for picture in pictures]
    if not loaded:
        raise InputError("no pictures")
    return [str(picture) for picture in pictures], np.stack(loaded), None


def _check_alive(service: ServiceFile, where: Path) -> None:
    if service.is_alive is False:
        raise DeployError(
            f"the service (process {service.pid}) is gone",
            where=where,
            expected="dse deploy --serve",
        )


def _ask(
    service: ServiceFile, where: Path, pixels: NDArray[np.uint8], on_state: Callable[[str], None]
) -> tuple[dict[str, Any], list[bytes]]:
    """The service's last word, with its binary parts."""
    context: zmq.Context[Any] = zmq.Context()
    try:
        dealer: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        try:
            dealer.curve_serverkey = service.server_key.encode()
            dealer.curve_publickey = service.client_public_key.encode()
            dealer.curve_secretkey = service.client_secret_key.encode()
            dealer.setsockopt(zmq.MAXMSGSIZE, _MOST_ANSWER_BYTES)
            dealer.setsockopt(zmq.IPV6, 1)
            dealer.connect(service.address)
        except (zmq.ZMQError, ValueError) as error:
            raise DeployError(f"address or keys are damaged: {error}", where=where) from error
        return _converse(dealer, service, where, pixels, on_state)
    finally:
        context.destroy(linger=0)


def _converse(
    dealer: zmq.Socket[bytes],
    service: ServiceFile,
    where: Path,
    pixels: NDArray[np.uint8],
    on_state: Callable[[str], None],
) -> tuple[dict[str, Any], list[bytes]]:
    number, ping = 1, 2
    data = np.ascontiguousarray(pixels).tobytes()
    # Taken by this end, which is not connected yet.
    dealer.send_multipart([encode("infer", id=number, images=len(pixels)), data], zmq.NOBLOCK)
    heard = time.monotonic()
    pinged = 0.0
    while True:
        if dealer.poll(200):
            first, *parts = dealer.recv_multipart()
            heard = time.monotonic()
            try:
                message = decode(first)
            except DseError as error:
                raise DeployError(f"the service talks nonsense: {error}", where=where) from error
            kind, about = message["type"], message.get("re")
            if kind in ("done", "failed", "refused") and about in (number, None):
                return message, parts
            if kind == "queued":
                on_state(f"waiting behind {message.get('ahead')} jobs")
            elif kind == "started":
                on_state("computing")
            continue
        now = time.monotonic()
        _check_alive(service, where)
        if now - heard > SILENCE_SECONDS:
            raise DeployError(
                f"the service does not answer ({SILENCE_SECONDS:g} s)",
                where=where,
                expected=service.address,
            )
        if now - pinged > PING_SECONDS:
            with suppress(zmq.Again):  # not connected (any more): the silence tells
                dealer.send(encode("ping", id=ping), zmq.NOBLOCK)
            pinged = now
