"""The design space: which parts of a network a sweep builds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, PoolSide, legal_cuts, normal_cut
from finn_flows.folding import Folding, check_folding
from finn_flows.network import Network
from reports.sweep_record import PartName


def design_points(
    network: Network,
    splits: Collection[int] | None,
    pool: PoolSide | Literal["both"],
    folding: Folding,
    device: str,
    clock_mhz: float,
) -> list[Part]:
    """The whole network, then the first and the second part of each cut, ascending.

    ``splits``: numbers of the layers to cut after, None for all. ``pool``: which side of the cut a
    max-pool there is on; ``both`` gives two cuts where they differ. Raises CutError for a split the
    network does not have, FoldingError for a folding that does not fit.
    """
    check_folding(network, folding)
    for split in splits or ():
        normal_cut(network, Cut(split))
    cuts = [cut for cut in legal_cuts(network, pool) if splits is None or cut.layer in splits]
    points = [Part(network, PartName.WHOLE, None, folding, device, clock_mhz)]
    for cut in cuts:
        for name in (PartName.FIRST, PartName.SECOND):
            points.append(Part(network, name, cut, folding, device, clock_mhz))
    return points
