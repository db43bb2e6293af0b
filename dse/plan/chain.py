"""A network as the planner sees it: a chain of blocks, each with its foldings as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from dse.errors import InputError

#: What a plan counts of each board, in the units of :class:`~reports.utilization.Utilization`.
PLAN_RESOURCES = ("lut", "lutram", "ff", "bram", "dsp", "uram")

#: Counts by :data:`PLAN_RESOURCES`; None is unknown.
Counts = tuple[float | None, ...]


@dataclass(frozen=True)
class FoldingOption:
    """One way to fold a block.

    ``name``: for people. ``use``: what the block takes so folded. ``cycles``: between two images in
    steady state. ``fill``: clock cycles from its first result of an image until the block behind it
    can give its own first one; ``drain``: from the last of an image that comes in to its last
    result. Both at most ``cycles``; which of the three counts, :func:`~dse.plan.plan.part_cycles`
    says.
    ``stream_in``, ``stream_out``: which width its streams have; an index of :class:`Converters`.
    ``folding``: (SIMD, PE, weight memory) of each compute layer of the block, in order.
    """

    name: str
    use: Counts
    cycles: int
    fill: int = 0
    drain: int = 0
    stream_in: int = 0
    stream_out: int = 0
    folding: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True)
class Converters:
    """Width converters between a block and the next, and to the wire at a cut between them.

    ``joint[out][in]``: between the stream that leaves and the one that enters, on one board.
    ``leave[out]``, ``enter[in]``: to and from the words of the wire. Empty: none is counted.
    """

    joint: tuple[tuple[Counts, ...], ...] = ()
    leave: tuple[Counts, ...] = ()
    enter: tuple[Counts, ...] = ()


@dataclass(frozen=True)
class Block:
    """Layers that stay on one board. ``layers``: their labels; ``options``: at least one."""

    name: str
    options: tuple[FoldingOption, ...]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Boundary:
    """What is between a block and the next.

    ``bytes_per_image``: on the wire if the network is cut here; None where it may not be cut, and
    ``why_not`` says why. ``label``: for people, as ``split 5``; ``split``, ``pool``: of a
    :class:`finn_flows.cut.Cut`, where it is one.
    """

    label: str
    bytes_per_image: int | None
    why_not: str = ""
    converters: Converters = Converters()
    split: int | None = None
    pool: str = "before"
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Blocks in order, with what is between them: ``boundaries`` are one fewer than ``blocks``.

    ``input_bytes``, ``output_bytes``: per image, from and to the host. ``source``: where the
    counts come from; ``uncounted``: kinds of nodes that it counts as 0. ``network``,
    ``network_sha256``: of what network; the hash is empty for one that is no chain of ours.
    Raises InputError where the numbers do not fit together.
    """

    network: str
    source: str
    blocks: tuple[Block, ...]
    boundaries: tuple[Boundary, ...]
    input_bytes: int = 0
    output_bytes: int = 0
    network_sha256: str = ""
    uncounted: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.blocks:
            raise InputError(f"{self.network} has no blocks to plan with")
        if len(self.boundaries) != len(self.blocks) - 1:
            raise InputError(
                f"{len(self.boundaries)} boundaries between {len(self.blocks)} blocks",
                expected=f"{len(self.blocks) - 1}",
            )
        for block in self.blocks:
            if not block.options:
                raise InputError(f"block {block.name} has no folding")
            for option in block.options:
                times = (option.fill, option.drain)
                if (
                    len(option.use) != len(PLAN_RESOURCES)
                    or option.cycles < 1
                    or not all(0 <= time <= option.cycles for time in times)
                ):
                    raise InputError(f"block {block.name}: folding {option.name} is no folding")

    @property
    def cuts(self) -> tuple[int, ...]:
        """Where it may be cut: after how many blocks, ascending."""
        return tuple(
            position
            for position, boundary in enumerate(self.boundaries, start=1)
            if boundary.bytes_per_image is not None
        )
