"""From a plan and its explanation to the record that the terminal and the page show."""

from __future__ import annotations

from collections.abc import Sequence

from dse.counted import counted
from dse.plan.chain import PLAN_RESOURCES
from dse.plan.explain import Explanation
from dse.plan.problem import Objective, Problem
from dse.plan.solve import Solution
from dse.plan_words import (
    AIMS,
    cut_label,
    cuts_text,
    device_text,
    headline,
    layers_text,
    percent_text,
    proof,
    purchase_name,
    purchase_text,
    rate_text,
    reason,
    seconds_text,
    value_text,
    verdict,
)
from reports.plan_record import (
    OtherCut,
    PlannedBlock,
    PlannedBoard,
    PlannedHop,
    PlanRecord,
    ResourceUse,
)
from reports.resource_text import RESOURCE_TITLES, format_used

UNKNOWN = "unknown"


def plan_record(
    problem: Problem,
    solution: Solution,
    explanation: Explanation | None = None,
    pareto: tuple[Sequence[Objective], Sequence[Solution]] = ((), ()),
    remarks: Sequence[str] = (),
) -> PlanRecord:
    """``remarks``: further notes, a sentence each, before those that follow from the numbers."""
    chain = problem.chain
    names, plans = pareto
    rows = [
        (
            cuts_text(chain, plan.parts),
            counted(plan.metrics.boards, "board"),
            *(value_text(name, plan.metrics.of(name)) for name in names),
        )
        for plan in plans
    ]
    alternatives = explanation.alternatives if explanation else ()
    purchases = explanation.purchases if explanation else ()
    return PlanRecord(
        network=chain.network,
        network_sha256=chain.network_sha256,
        source=chain.source,
        objective=solution.objective.value,
        headline=headline(solution),
        proof=proof(solution),
        summary=_summary(problem, solution),
        boards=_boards(problem, solution),
        blocks=_blocks(problem, solution),
        hops=_hops(problem, solution),
        others=tuple(
            OtherCut(cut_label(chain, one.position), verdict(one), reason(problem, solution, one))
            for one in alternatives
        ),
        more=tuple(
            (purchase_name(problem, one), purchase_text(problem, solution, one))
            for one in purchases
        ),
        notes=(*remarks, *_notes(problem, solution), *_of_trade_off(plans)),
        pareto_headings=("Cuts", "Boards", *(AIMS[name] for name in names)) if rows else (),
        pareto=tuple(rows),
    )


def _summary(problem: Problem, solution: Solution) -> tuple[tuple[str, str], ...]:
    metrics = solution.metrics
    hosts = [problem.fleet.host.late(problem.chain.input_bytes)]
    hosts.append(problem.fleet.host.late(problem.chain.output_bytes))
    return (
        ("Cuts", cuts_text(problem.chain, solution.parts)),
        ("Boards", f"{metrics.boards} of {len(problem.fleet.boards)}"),
        ("Throughput", f"{rate_text(metrics.interval)} ({seconds_text(metrics.interval)} each)"),
        ("One image", f"{seconds_text(metrics.latency)}, host links {seconds_text(sum(hosts))}"),
        (f"Batch of {problem.batch}", seconds_text(metrics.batch)),
        ("Between boards", f"{metrics.traffic:,} bytes per image"),
        ("Greatest share of a resource", percent_text(metrics.scarcest)),
        ("Greatest difference of two boards", f"{metrics.balance * 100:.2f} percentage points"),
    )


def _boards(problem: Problem, solution: Solution) -> tuple[PlannedBoard, ...]:
    chain, fleet, metrics = problem.chain, problem.fleet, solution.metrics
    found = []
    for position, part in enumerate(solution.parts):
        board = fleet.boards[part.boards[0]]
        resources = []
        for k, name in enumerate(PLAN_RESOURCES):
            count, size, shell = metrics.use[position][k], board.capacity[k], board.shell[k]
            if size == 0 and not count:
                continue  # the device has none of it
            share = metrics.shares[position][k]
            resources.append(
                ResourceUse(
                    RESOURCE_TITLES[name],
                    UNKNOWN if count is None else format_used(name, count + (shell or 0)),
                    UNKNOWN if size is None else format_used(name, size * board.usable[k]),
                    UNKNOWN if share is None else percent_text(share),
                )
            )
        interval = metrics.part_intervals[position]
        found.append(
            PlannedBoard(
                title=f"Part {position + 1}",
                boards=", ".join(fleet.boards[at].name for at in part.boards),
                device=device_text(board),
                layers=layers_text(chain, part),
                interval=f"{rate_text(interval)} ({seconds_text(interval)})",
                resources=tuple(resources),
            )
        )
    return tuple(found)


def _blocks(problem: Problem, solution: Solution) -> tuple[PlannedBlock, ...]:
    found = []
    for position, part in enumerate(solution.parts):
        blocks = problem.chain.blocks[part.first : part.last]
        for block, chosen in zip(blocks, part.options, strict=True):
            option = block.options[chosen]
            found.append(
                PlannedBlock(block.name, str(position + 1), option.name, f"{option.cycles:,}")
            )
    return tuple(found)


def _hops(problem: Problem, solution: Solution) -> tuple[PlannedHop, ...]:
    chain, boards, metrics = problem.chain, problem.fleet.boards, solution.metrics
    hops = []
    for position, part in enumerate(solution.parts[:-1]):
        following = solution.parts[position + 1]
        size = chain.boundaries[part.last - 1].bytes_per_image or 0
        link = problem.fleet.link(max(part.boards), min(following.boards), size)
        hops.append(
            PlannedHop(
                cut_label(chain, part.last),
                f"{boards[part.boards[-1]].name} to {boards[following.boards[0]].name}",
                f"{size:,}",
                "nothing counted"
                if link.is_ideal
                else f"{seconds_text(metrics.hop_seconds[position])} ({link.name})",
            )
        )
    return tuple(hops)


def _of_trade_off(plans: Sequence[Solution]) -> list[str]:
    if all(plan.is_optimal for plan in plans):
        return []
    return [
        "The trade-off is not proved: its solver stopped with a gap, so that other plans may beat "
        "some of these, and others may be missing."
    ]


def _notes(problem: Problem, solution: Solution) -> list[str]:
    """What is unknown, and what is not counted."""
    chain, fleet, metrics = problem.chain, problem.fleet, solution.metrics
    notes = []
    titles = [RESOURCE_TITLES[name] for name in PLAN_RESOURCES]
    unknown = [
        title for k, title in enumerate(titles) if any(use[k] is None for use in metrics.use)
    ]
    if unknown:
        notes.append(
            f"{chain.source} does not count {', '.join(unknown)}: no limit on it can be kept, "
            "and it does not count towards balance or the scarcest resource."
        )
    if chain.uncounted:
        notes.append(f"{chain.source} counts as nothing: {', '.join(chain.uncounted)}.")
    used = [fleet.boards[part.boards[0]] for part in solution.parts]
    if any(shell is None for board in used for shell in board.shell):
        notes.append(
            "What the shell (processor interface, DMA) takes of a board is not known in full and "
            "counts as nothing there: reserve for it (--reserve)."
        )
    if len({board.part for board in fleet.boards}) > 1:
        notes.append(
            f"The counts are those of {fleet.boards[0].part}, for boards of other devices, too."
        )
    links = (*fleet.links, fleet.host)
    if all(link.is_ideal for link in links):
        notes.append("Links take no time here: none was given or measured (--link).")
    return notes
