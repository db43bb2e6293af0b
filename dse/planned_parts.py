"""The parts of a plan, as a backend builds them and a simulation runs them."""

from __future__ import annotations

from dataclasses import replace

from dse.deploy.pipeline_parts import pipeline_parts
from dse.errors import InputError
from dse.part_simulation import Images
from dse.plan_use import UsedPlan
from finn_flows.backends.interface import Part
from finn_flows.cut import split_network
from finn_flows.folding import Folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from reports.sweep_record import PartName


def planned_parts(plan: UsedPlan, network: Network) -> dict[str, Part]:
    """The parts in order, by the name of the folder that a build makes of each.

    ``whole``, or ``first`` and ``second``. Of more parts each is a network by itself (``part1``,
    ``part2``...), with the layers of ``network`` and the folding that the plan has for them.
    """
    boards, folding = plan.boards, plan.folding
    if len(plan.cuts) < 2:
        names = (PartName.FIRST, PartName.SECOND) if plan.cuts else (PartName.WHOLE,)
        cut = plan.cuts[0] if plan.cuts else None
        return {
            name.value: Part(network, name, cut, folding, board.part, board.clock_mhz)
            for name, board in zip(names, boards, strict=True)
        }
    parts: dict[str, Part] = {}
    first = 0
    for number, (piece, board) in enumerate(
        zip(pipeline_parts(network, plan.cuts), boards, strict=True), start=1
    ):
        last = first + len(list(piece.network.numbered()))
        own = Folding(folding.name, folding.layers[first:last])
        first = last
        parts[f"part{number}"] = Part(
            piece.network, PartName.WHOLE, None, own, board.part, board.clock_mhz
        )
    return parts


def chosen_parts(plan: UsedPlan, parts: dict[str, Part], which: str | None) -> dict[str, Part]:
    """Those that ``--part`` names: ``first``, ``second``, a number from 1, or None for all.

    Raises InputError for a part that the plan does not have.
    """
    if which is None or which == "both":
        return parts
    number = {"first": 1, "second": 2}.get(which) or int(which)
    if number > len(parts):
        raise InputError(
            f"the plan has no part {number}", where=plan.path, choices=range(1, len(parts) + 1)
        )
    name = list(parts)[number - 1]
    return {name: parts[name]}


def images_into(plan: UsedPlan, network: Network, part: Part, images: Images) -> Images:
    """``images`` of the whole network as those of ``part.whole``, which may be a later piece."""
    tensor, remaining = images.tensor, network
    for cut in plan.cuts:
        if remaining.first_layer == part.whole.first_layer:
            break
        before, remaining = split_network(remaining, cut)
        tensor = run_integers(before, tensor)
    return replace(images, tensor=tensor)
