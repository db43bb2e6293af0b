"""A plan file taken up by a command: its cuts, its folding, its boards, for the same network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dse.errors import CutError, FoldingError, InputError
from dse.plan_file import BoardEntry, PlanFile, read_plan_file
from finn_flows.cut import Cut, normal_cut
from finn_flows.folding import Folding, LayerFolding, check_folding
from finn_flows.network import Network


@dataclass(frozen=True)
class UsedPlan:
    """``boards``: the first board of each part."""

    path: Path
    file: PlanFile
    cuts: tuple[Cut, ...]
    folding: Folding
    boards: tuple[BoardEntry, ...]


def planned_device(path: Path, *, several: bool = False) -> tuple[str, float]:
    """The part, and the clock in MHz, of the plan's boards; of the first one if ``several`` may be.

    Raises InputError for a file that is damaged, and for boards that differ.
    """
    file = read_plan_file(path)
    kinds = {(board.part, board.clock_mhz) for board in map(file.board, file.parts)}
    if len(kinds) != 1 and not several:
        names = sorted(f"{part} at {clock:g} MHz" for part, clock in kinds)
        raise InputError(
            f"is for boards of several kinds: {', '.join(names)}",
            where=path,
            expected="a plan for boards of one kind, or `dse build --backend yosys`",
        )
    first = file.board(file.parts[0])
    return first.part, first.clock_mhz


def use_plan(path: Path, network: Network) -> UsedPlan:
    """The plan in ``path`` for ``network``.

    Raises InputError for a file that is damaged, a plan of another network, or of a graph that is
    no chain of ours; FoldingError or CutError for one that does not fit it.
    """
    file = read_plan_file(path)
    if file.network.sha256 != network.sha256:
        raise InputError(
            f"is a plan of another network, {file.network.name}",
            where=path,
            expected=f"one of {network.name}, or --weights or --model as it was planned with",
        )
    if file.folding is None or any(cut.split is None for cut in file.cuts):
        raise InputError(
            f"{file.network.name} is no chain of layers that can be built here", where=path
        )
    folding = Folding(
        file.folding.name,
        tuple(LayerFolding(one.simd, one.pe, one.weight_memory) for one in file.folding.layers),
    )
    try:
        check_folding(network, folding)
        cuts = tuple(
            normal_cut(network, Cut(cut.split, cut.pool))
            for cut in file.cuts
            if cut.split is not None
        )
    except (CutError, FoldingError) as error:
        raise type(error)(
            error.message, where=path, expected=error.expected, choices=error.choices
        ) from error
    return UsedPlan(path, file, cuts, folding, tuple(file.board(part) for part in file.parts))
