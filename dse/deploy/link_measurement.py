"""``dse boards measure``: what a message, and a byte of it, costs on each link between boards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dse.atomic_write import atomic_write
from dse.deploy.board import Board
from dse.deploy.boards_file import choose_boards, read_boards
from dse.deploy.deploy_plan import local_boards
from dse.deploy.key_files import ClientKeys, client_keys
from dse.deploy.link_probe import LinkSamples, probe_links
from dse.deploy.nodes import Nodes
from dse.errors import InputError
from dse.plan_links import FORMAT, VERSION

#: Bytes of a message: from a cut of CnvW2A2's narrowest layers to far more than any of its cuts.
SIZES = (64, 256, 1024, 4096, 16384, 65536)
REPEATS = 100
EMULATED_BOARDS = 2
HOST = "host"
METHOD = (
    "One message at a time through stages that pass it on: it is late from its being computed (at "
    "the client: sent) to its being started on in the next stage (at the client: received); of "
    "each size the median of the repeats. Then streams of messages: a link is taken for no longer "
    "than a stream needs for each (median of 9 streams), and than one alone is late. Over the "
    "sizes a message takes the link for message_s + bytes * byte_s and is late by delay_s more, by "
    "least squares of relative differences from both, none below 0. The host's link is the mean of "
    "that to the first board and that from the last one back. All links together are exact by this "
    "computer's clock; between neighbours the error of their clocks may shift a part of delay_s."
)


@dataclass(frozen=True)
class MeasuredLink:
    """From ``source`` to ``target`` (names of boards, or ``host``): a message takes the link for
    ``message_s`` seconds and ``byte_s`` for each byte, and is late by ``delay_s`` more. ``misfit``:
    the greatest share by which that differs from what was timed of a size."""

    source: str
    target: str
    message_s: float
    byte_s: float
    delay_s: float
    misfit: float
    samples: LinkSamples

    def to_json(self) -> dict[str, Any]:
        """As docs/formats.md has it."""
        found = self.samples
        times = zip(found.sizes, found.seconds, found.spread, found.stream, strict=True)
        return {
            "from": self.source,
            "to": self.target,
            "message_s": self.message_s,
            "byte_s": self.byte_s,
            "delay_s": self.delay_s,
            "misfit": self.misfit,
            "points": [
                {
                    "bytes": size,
                    "seconds": float(median),
                    "spread_s": float(spread),
                    "stream_s": float(stream),
                }
                for size, median, spread, stream in times
            ],
        }


@dataclass(frozen=True)
class LinkMeasurement:
    """``host``: between this computer and the first and the last of ``boards``; ``hops``: from each
    to the next."""

    boards: tuple[str, ...]
    addresses: tuple[str | None, ...]
    tls: bool
    repeats: int
    host: MeasuredLink
    hops: tuple[MeasuredLink, ...]

    def to_json(self) -> dict[str, Any]:
        """As docs/formats.md has it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "method": METHOD,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tool_versions": {name: version(name) for name in ("split-dse", "pyzmq")},
            "boards": [
                {"name": name, "address": address, "emulated": address is None}
                for name, address in zip(self.boards, self.addresses, strict=True)
            ],
            "tls": self.tls,
            "repeats": self.repeats,
            "host": self.host.to_json(),
            "hops": [link.to_json() for link in self.hops],
        }

    def write(self, path: Path) -> None:
        """OutputError where that cannot be."""
        atomic_write(path, json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")


def measure_links(
    file: Path | None = None,
    names: Sequence[str] = (),
    *,
    repeats: int = REPEATS,
    sizes: Sequence[int] = SIZES,
    tls: bool = False,
    keys: Path | None = None,
    on_step: Callable[[str], None] = lambda text: None,
) -> LinkMeasurement:
    """Between the boards of ``file``, or those named, in that order; without a file between two
    emulated ones. Whatever happens, nothing is left on any board.

    Raises InputError for fewer than two boards, DeployError for a board that cannot be reached.
    """
    own = client_keys(keys)
    boards, addresses = _boards(file, names, own)
    if len(boards) < 2:
        raise InputError("one board has no link to another", where=file, expected="two or more")
    on_step("starting the boards")
    with tempfile.TemporaryDirectory(prefix="dse-links-") as folder, Nodes(boards, own) as nodes:
        probed = probe_links(nodes, sizes, repeats, Path(folder), secure=tls, on_step=on_step)
    called = [board.name for board in boards]
    there, *hops, back = probed
    host = LinkSamples(
        there.sizes,
        (there.seconds + back.seconds) / 2,
        np.maximum(there.spread, back.spread),
        np.maximum(there.stream, back.stream),
    )
    return LinkMeasurement(
        boards=tuple(called),
        addresses=tuple(addresses),
        tls=tls,
        repeats=repeats,
        host=fitted(HOST, f"{called[0]}, {called[-1]}", host),
        hops=tuple(
            fitted(source, target, one)
            for (source, target), one in zip(pairwise(called), hops, strict=True)
        ),
    )


def fitted(source: str, target: str, samples: LinkSamples) -> MeasuredLink:
    """The costs, none below 0, whose relative differences from ``samples`` have the least squares:
    of ``stream`` from what a message takes, of ``seconds`` from how late one is."""
    from scipy.optimize import nnls

    sizes = np.asarray(samples.sizes, dtype=np.float64)
    found = np.concatenate([samples.stream, samples.seconds])
    is_alone = np.repeat([0.0, 1.0], len(sizes))
    terms = np.stack([np.ones_like(found), np.tile(sizes, 2), is_alone], axis=1)
    # What a difference is relative to. Where clocks disagree a time may come out as nothing, or
    # below: it then weighs as a tenth of a microsecond does.
    scale = np.maximum(found, 1e-7)
    terms, wanted = terms / scale[:, None], found / scale
    # Of terms alike in size: a byte costs a thousandth of a message.
    size_of_terms = np.linalg.norm(terms, axis=0)
    best = nnls(terms / size_of_terms, wanted)[0] / size_of_terms
    message_s, byte_s, delay_s = map(float, best)
    misfit = float(np.max(np.abs(terms @ best - wanted)))
    return MeasuredLink(source, target, message_s, byte_s, delay_s, misfit, samples)


def _boards(
    file: Path | None, names: Sequence[str], keys: ClientKeys
) -> tuple[Sequence[Board], list[str | None]]:
    """The boards, and the address of each; None for an emulated one."""
    if file is None:
        if names:
            raise InputError("boards are named, but no file of boards", expected="--boards FILE")
        return local_boards(EMULATED_BOARDS, "onnx", keys), [None] * EMULATED_BOARDS
    from dse.deploy.ssh_board import SshBoard

    entries = choose_boards(read_boards(file), names, file)
    return (
        [SshBoard(entry, client_key=keys.public) for entry in entries],
        [entry.address for entry in entries],
    )
