"""Which folding to build with: the published one, one for a number of cycles, or a file's."""

from __future__ import annotations

from pathlib import Path

from dse.errors import FoldingError, InputError
from dse.folding_file import read_folding
from finn_flows.folding import Folding, balanced_folding, published_folding
from finn_flows.network import Network

#: Cycles per image that ``auto`` aims at: 1000 images per second at 100 MHz, near the 115,200 of
#: the slowest layer of the published CnvW2A2.
AUTO_CYCLES = 100_000

CHOICES = ("published", "auto", "auto:CYCLES", "FILE.json")


def choose_folding(choice: str | None, network: Network, own: Folding | None) -> Folding:
    """The folding for ``network``.

    ``choice``: one of :data:`CHOICES`; None takes the published one if there is one, else ``auto``.
    ``own``: the folding that came with the network's parameters, which is then the published one.
    Raises FoldingError or InputError.
    """
    if choice in (None, "published"):
        try:
            published = published_folding(network)
        except FoldingError:
            if own is None and choice == "published":
                raise
            return own or balanced_folding(network, AUTO_CYCLES)
        # Parameter files say PE and SIMD, but not what memory holds the weights.
        return published if own is None or _same_lanes(own, published) else own
    assert choice is not None
    name, colon, cycles = choice.partition(":")
    if name == "auto" and not colon:
        return balanced_folding(network, AUTO_CYCLES)
    if name == "auto":
        if not (cycles.isascii() and cycles.isdigit() and int(cycles) > 0):
            raise InputError(
                f"folding {choice!r}", expected="a number of cycles, as in auto:100000"
            )
        return balanced_folding(network, int(cycles))
    path = Path(choice)
    if path.suffix != ".json" and not path.exists():
        raise InputError(f"unknown folding {choice!r}", choices=CHOICES)
    return read_folding(path, network)


def _same_lanes(one: Folding, other: Folding) -> bool:
    return [(fold.simd, fold.pe) for fold in one.layers] == [
        (fold.simd, fold.pe) for fold in other.layers
    ]
