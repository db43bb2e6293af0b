"""A network that is no chain, as numbers: a directed acyclic graph of blocks and tensors."""

from __future__ import annotations

from dataclasses import dataclass

from dse.errors import NetworkError
from dse.plan.chain import Block


@dataclass(frozen=True)
class Tensor:
    """What block ``source`` gives to the blocks ``targets``: ``bytes_per_image`` on the wire."""

    source: int
    targets: tuple[int, ...]
    bytes_per_image: int


@dataclass(frozen=True)
class BlockGraph:
    """Blocks and the tensors between them, by index.

    Raises NetworkError, naming blocks, for a cycle, for more than one block without an input or
    none, and for a tensor of a block that is not there.
    """

    network: str
    blocks: tuple[Block, ...]
    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        count = len(self.blocks)
        if not count:
            raise NetworkError(f"{self.network} has no blocks to plan with")
        for tensor in self.tensors:
            wrong = [at for at in (tensor.source, *tensor.targets) if not 0 <= at < count]
            if wrong or not tensor.targets:
                raise NetworkError(
                    f"{self.network}: a tensor of block {tensor.source} goes nowhere"
                )
        self.order  # noqa: B018 a cycle is refused
        inputs = [k for k in range(count) if not self.before(k)]
        if len(inputs) != 1:
            names = ", ".join(self.blocks[k].name for k in inputs)
            raise NetworkError(
                f"{self.network} has {len(inputs)} inputs: {names}", expected="one input"
            )

    def before(self, block: int) -> list[int]:
        """Blocks that ``block`` takes tensors of."""
        return [tensor.source for tensor in self.tensors if block in tensor.targets]

    @property
    def order(self) -> tuple[int, ...]:
        """Every block behind those that it takes tensors of. NetworkError names a cycle."""
        left = {k: set(self.before(k)) for k in range(len(self.blocks))}
        order: list[int] = []
        while left:
            ready = [k for k, before in left.items() if not before]
            if not ready:
                names = ", ".join(self.blocks[k].name for k in self._cycle(left))
                raise NetworkError(f"{self.network} has a cycle: {names}")
            for one in ready:
                del left[one]
            for before in left.values():
                before.difference_update(ready)
            order += ready
        return tuple(order)

    def _cycle(self, left: dict[int, set[int]]) -> list[int]:
        """Blocks of one cycle among those that wait for each other, in order."""
        path = [min(left)]
        while (following := min(left[path[-1]])) not in path:
            path.append(following)
        return path[path.index(following) :][::-1]
