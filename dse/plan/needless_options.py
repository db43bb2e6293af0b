"""Foldings that no plan needs: another is as good in everything, whatever stands beside it.

An option *a* is left out for an option *b* of its block if *b* takes no more cycles, fills and
drains no more slowly, and takes no more of any resource together with the width converters at both
its ends, whatever the neighbours' streams and whether or not the network is cut there. Putting *b*
for *a* then makes no plan slower and lets none use more, so for every objective that grows with
cycles and use, and every limit, one of the best plans has no *a*. Evenness does not grow with use:
boards are evened out among the foldings that are worth having, never by waste.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dse.plan.chain import Block, Boundary, Chain, Counts


def without_dominated(chain: Chain) -> Chain:
    """``chain`` without dominated options. Of options alike, the first in order stays."""
    return replace(
        chain,
        blocks=tuple(
            replace(block, options=tuple(block.options[k] for k in kept_options(chain, position)))
            for position, block in enumerate(chain.blocks)
        ),
    )


def kept_options(chain: Chain, position: int) -> list[int]:
    """Indices of the options of ``chain.blocks[position]`` that none dominates, ascending."""
    block = chain.blocks[position]
    use = _array(tuple(option.use for option in block.options))
    known = ~np.isnan(use)
    use = np.where(known, use, 0.0)
    effort = np.array([(option.cycles, option.fill, option.drain) for option in block.options])
    before, after = _saved_before(chain, position), _saved_after(chain, position)
    into = np.array([option.stream_in for option in block.options])
    out = np.array([option.stream_out for option in block.options])
    options = range(len(block.options))
    dropped = np.zeros(len(options), dtype=bool)
    for better in options:
        if dropped[better]:  # what dominates it dominates whatever it would
            continue
        saved = use - use[better]
        if before is not None:
            saved = saved + before[into, into[better]]
        if after is not None:
            saved = saved + after[out, out[better]]
        quicker = effort - effort[better]
        no_worse = (saved >= 0).all(axis=1) & (quicker >= 0).all(axis=1)
        no_worse &= (known == known[better]).all(axis=1)
        gains = (saved > 0).any(axis=1) | (quicker > 0).any(axis=1)
        no_worse &= gains | _alike(block, better) & (np.arange(len(options)) > better)
        dropped |= no_worse
    return [int(k) for k in np.flatnonzero(~dropped)]


def _alike(block: Block, better: int) -> NDArray[np.bool_]:
    """Which options have the same streams as ``better``, so that neither is beside it better."""
    streams = [(option.stream_in, option.stream_out) for option in block.options]
    return np.array([stream == streams[better] for stream in streams])


def _saved_before(chain: Chain, position: int) -> NDArray[np.float64] | None:
    """[a, b, resource]: what converters of stream class b before the block save at least against
    those of class a. None where there are none."""
    if position == 0:
        return None
    boundary, beside = chain.boundaries[position - 1], chain.blocks[position - 1]
    classes = {option.stream_out for option in beside.options}
    joint = boundary.converters.joint
    tables = [joint[out] for out in sorted(classes)] if joint else []
    return _least_saved([*tables, *_at_cut(boundary, boundary.converters.enter)])


def _saved_after(chain: Chain, position: int) -> NDArray[np.float64] | None:
    """The same behind the block."""
    if position == len(chain.boundaries):
        return None
    boundary, beside = chain.boundaries[position], chain.blocks[position + 1]
    classes = {option.stream_in for option in beside.options}
    joint = boundary.converters.joint
    tables = [tuple(row[into] for row in joint) for into in sorted(classes)] if joint else []
    return _least_saved([*tables, *_at_cut(boundary, boundary.converters.leave)])


def _at_cut(boundary: Boundary, converters: tuple[Counts, ...]) -> list[tuple[Counts, ...]]:
    return [converters] if converters and boundary.bytes_per_image is not None else []


def _least_saved(tables: list[tuple[Counts, ...]]) -> NDArray[np.float64] | None:
    if not tables:
        return None
    # One beside another, each a cost by class: [neighbour, class, resource]. What is unknown is
    # unknown whichever class there is, and then decides nothing.
    costs = np.nan_to_num(np.stack([_array(table) for table in tables]))
    least: NDArray[np.float64] = (costs[:, :, None, :] - costs[:, None, :, :]).min(axis=0)
    return least


def _array(counts: tuple[Counts, ...]) -> NDArray[np.float64]:
    return np.array(
        [[np.nan if count is None else count for count in row] for row in counts], dtype=np.float64
    )
