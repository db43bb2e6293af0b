"""A network as the parts of a pipeline, one for each board, and where to cut it if nobody says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dse.errors import CutError
from finn_flows.cut import Cut, CutTensor, cut_position, cut_tensor, normal_cut, split_network
from finn_flows.folding import Folding, check_folding
from finn_flows.network import Network


@dataclass(frozen=True)
class PipelinePart:
    """One board's share of a network.

    ``position``: from 0. ``network``: its layers, with the numbers that they have in the whole.
    ``first``, ``last``: they are ``whole.layers[first:last]``. ``input``, ``output``: what goes in
    and comes out for one image; what the first takes are the encoded pixels, what the last gives is
    the result of the whole.
    """

    position: int
    network: Network
    first: int
    last: int
    input: CutTensor
    output: CutTensor


def pipeline_parts(network: Network, cuts: Sequence[Cut]) -> tuple[PipelinePart, ...]:
    """The parts that ``cuts`` make of ``network``, one more than cuts: none gives the whole.

    One part behind another, over the wire's packing, is the whole network, bit for bit. Raises
    CutError for a cut that the network does not have, for layers that do not ascend, and for a cut
    after the last layer, which leaves nothing to the board behind it.
    """
    chosen = [normal_cut(network, cut) for cut in cuts]
    numbers = [number for number, _ in network.numbered()]
    for cut in chosen:
        if cut.layer == numbers[-1]:
            raise CutError(
                f"{cut} leaves no layers behind the cut", choices=numbers[:-1] or ["--parts 1"]
            )
    if any(before.layer >= after.layer for before, after in pairwise(chosen)):
        raise CutError(
            f"cuts after layers {', '.join(str(cut.layer) for cut in chosen)}",
            expected="each after a later layer than the one before",
        )
    ends = [0, *(cut_position(network, cut) for cut in chosen), len(network.layers)]
    remaining, networks = network, []
    for cut in chosen:
        part, remaining = split_network(remaining, cut)
        networks.append(part)
    networks.append(remaining)
    return tuple(
        PipelinePart(
            position,
            part.renamed(f"{network.name}-part{position}") if chosen else part,
            first,
            last,
            CutTensor(part.input_shape, part.input_type),
            CutTensor(part.output_shape, part.output_type),
        )
        for position, (part, (first, last)) in enumerate(zip(networks, pairwise(ends), strict=True))
    )


def balanced_cuts(network: Network, folding: Folding, parts: int) -> tuple[Cut, ...]:
    """Where to cut ``network`` for ``parts`` boards of one kind, each pool before its cut.

    A pipeline is as quick as its slowest layer wherever it is cut, so cycles tell nothing. What a
    cut decides is how much each board holds: its multipliers (PE x SIMD) and the bits of its
    weights, both as a share of the whole network's. The greatest of these shares of any board is
    made as small as can be; of cuts equal in that, those that send the fewest bytes. The search is
    exact, over all cuts. It knows nothing of a board's size, nor of the tools' counts (``dse
    choose`` does, for two boards). On emulated boards time goes where multiplications are;
    multipliers have their shares as far as the folding gives all layers the same cycles.

    Raises CutError for fewer parts than one or more than layers.
    """
    check_folding(network, folding)
    layers = list(network.numbered())
    if not 1 <= parts <= len(layers):
        raise CutError(
            f"{network.name} cannot be made into {parts} parts",
            choices=[str(number) for number in range(1, len(layers) + 1)],
        )
    multipliers = [layer.simd * layer.pe for layer in folding.layers]
    weight_bits = [layer.weights.size * layer.weight_type.bits for _, layer in layers]
    shares = np.array([np.array(of) / sum(of) for of in (multipliers, weight_bits)])
    cuts = [Cut(number) for number, _ in layers[:-1]]
    sent = [cut_tensor(network, cut).bytes_per_image for cut in cuts]
    return tuple(cuts[end - 1] for end in _balanced_ends(shares, sent, parts))


def _balanced_ends(shares: NDArray[np.float64], sent: Sequence[int], parts: int) -> list[int]:
    """How many layers lie before each cut.

    ``shares``: (quantities, layers); ``sent``: bytes over the cut behind each layer but the last.
    """
    count = shares.shape[1]
    sums = np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, axis=1)], axis=1)
    load = (sums[:, None, :] - sums[:, :, None]).max(axis=0)  # of layers [first, end)

    # The least greatest load with k parts over the first n layers, then the fewest bytes within it:
    # both at once would not be exact, since a greater load later makes room for fewer bytes before.
    greatest = np.full((parts + 1, count + 1), math.inf)
    greatest[0, 0] = 0
    for k in range(1, parts + 1):
        for end in range(k, count + 1):
            greatest[k, end] = min(
                max(greatest[k - 1, first], load[first, end]) for first in range(k - 1, end)
            )
    limit = greatest[parts, count] * (1 + 1e-9)  # sums of floats
    fewest = np.full((parts + 1, count + 1), math.inf)
    fewest[0, 0] = 0
    before = np.zeros((parts + 1, count + 1), dtype=np.int64)
    for k in range(1, parts + 1):
        for end in range(k, count + 1):
            for first in range(k - 1, end):
                total = fewest[k - 1, first] + (sent[first - 1] if first else 0)
                if load[first, end] <= limit and total < fewest[k, end]:
                    fewest[k, end], before[k, end] = total, first
    ends, end = [], count
    for k in range(parts, 1, -1):
        end = int(before[k, end])
        ends.append(end)
    return ends[::-1]
