"""What a simulation measured, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import median_high
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Fewest images from which a steady state can be told: two intervals in the later half.
LEAST_IMAGES = 4
#: Intervals of the later half that differ by no more than this share have settled.
_SETTLED = 0.001


@dataclass(frozen=True)
class StreamStatistics:
    """Handshakes of one stream, in cycles, over a span of ``cycles``.

    ``beats``: a word moved. ``blocked``: there was one (TVALID) that was not taken.
    ``starved``: none, though the receiver was ready (TREADY). ``idle``: neither. FINN's window
    generators are ready only when there is data, so before them starving shows as idle.
    """

    name: str
    cycles: int
    beats: int
    blocked: int
    starved: int

    @property
    def idle(self) -> int:
        return self.cycles - self.beats - self.blocked - self.starved

    @property
    def without_data(self) -> int:
        """Cycles in which nothing was offered: starved or idle."""
        return self.starved + self.idle

    def share(self, what: str) -> float:
        """``beats``, ``blocked``, ``starved``, ``idle`` or ``without_data`` per cycle."""
        count: int = getattr(self, what)
        return count / self.cycles if self.cycles else 0.0


@dataclass(frozen=True)
class LayerActivity:
    """What keeps a layer from working, as shares of the steady state.

    ``waiting``: no data was offered at its input; ``held_up``: its output was not taken. A layer
    computes on while it waits or is held up for a moment, so what is left of 1 is the least that it
    can have worked. ``cycles``: per image as the folding has it; ``load``: these as a share of the
    cycles that an image took, None before the steady state.
    """

    label: str
    cycles: int
    load: float | None
    waiting: float
    held_up: float

    @property
    def kept(self) -> float:
        """The share in which the layer waited or was held up."""
        return min(1.0, self.waiting + self.held_up)


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """Images through a part. All times are in clock cycles.

    ``words``: uint64, (images, output words). ``first_in``, ``last_out``: int64, (images,), the
    cycle in which an image's first word was taken and its last word was given away.
    ``windows``: per image, the streams between the previous image's last word and its own (up to
    1024 images), the inner streams in order, then ``s_axis_0`` and ``m_axis_0``. ``layers``:
    (label, cycles) in stream order. ``cycles``: all that was simulated, of which
    ``configuration_cycles`` wrote weights. ``seconds``: wall-clock time of the simulation alone;
    ``compile_seconds``: of
    making the program, ``compiled`` whether that was now.
    """

    words: NDArray[np.uint64]
    first_in: NDArray[np.int64]
    last_out: NDArray[np.int64]
    windows: tuple[tuple[StreamStatistics, ...], ...]
    layers: tuple[tuple[str, int | None], ...]
    cycles: int
    configuration_cycles: int
    seconds: float
    compile_seconds: float
    compiled: bool

    @property
    def latency(self) -> int:
        """Cycles from the first image's first word in to its last word out, both counted.

        The first image has the part for itself.
        """
        return int(self.latencies[0])

    @property
    def latencies(self) -> NDArray[np.int64]:
        """The latency of each image; of images back to back, the later ones wait for the others."""
        return self.last_out - self.first_in + 1

    @property
    def intervals(self) -> NDArray[np.int64]:
        """Cycles between the last words of one image and the next, (images - 1,)."""
        return np.diff(self.last_out)

    @property
    def steady_state_interval(self) -> int | None:
        """Cycles per image once the part is full: the median of the later half of the intervals.

        None with fewer than four images. The earlier half fills FIFOs and line buffers. Whether
        the later half is steady, :attr:`is_settled` says; more images settle it. The part is kept
        full until the last image is out (simulate), so that the end is no quicker than the middle.
        """
        later = self._later_intervals
        return None if later is None else int(median_high(later.tolist()))

    @property
    def is_settled(self) -> bool:
        """Whether the intervals behind :attr:`steady_state_interval` agree within 0.1 %."""
        later = self._later_intervals
        return later is not None and int(later.max() - later.min()) <= _SETTLED * int(later.max())

    @property
    def _later_intervals(self) -> NDArray[np.int64] | None:
        intervals = self.intervals
        return intervals[len(intervals) // 2 :] if len(self.words) >= LEAST_IMAGES else None

    @cached_property
    def streams(self) -> tuple[StreamStatistics, ...]:
        """Each stream over the later half of the images; with fewer than four over all of them."""
        later = self.windows[(len(self.windows) + 1) // 2 :] if len(self.windows) >= 4 else ()
        chosen = later or self.windows
        return tuple(
            StreamStatistics(
                streams[0].name,
                sum(stream.cycles for stream in streams),
                sum(stream.beats for stream in streams),
                sum(stream.blocked for stream in streams),
                sum(stream.starved for stream in streams),
            )
            for streams in zip(*chosen, strict=True)
        )

    @cached_property
    def activity(self) -> tuple[LayerActivity, ...]:
        """Of each layer that has cycles of its own, in stream order."""
        inner = self.streams[:-2]
        interval = self.steady_state_interval
        found = []
        # Layer 0 is the unpacker, which stands before stream 0, and the last one the packer.
        for index, (label, cycles) in enumerate(self.layers):
            if cycles is not None and 0 < index < len(self.layers) - 1:
                before, behind = inner[index - 1], inner[index]
                load = None if interval is None else cycles / interval
                waiting, held_up = before.share("without_data"), behind.share("blocked")
                found.append(LayerActivity(label, cycles, load, waiting, held_up))
        return tuple(found)

    @property
    def bottleneck(self) -> LayerActivity | None:
        """The layer least kept from work: those before it are held up, those behind it wait."""
        return min(self.activity, key=lambda layer: (layer.kept, -layer.cycles), default=None)

    @property
    def cycles_per_second(self) -> float | None:
        """Simulated cycles per second of wall-clock time."""
        return self.cycles / self.seconds if self.seconds > 0 else None

    def as_data(self) -> dict[str, Any]:
        """All but the words, ready for JSON (docs/formats.md)."""
        bottleneck = self.bottleneck
        return {
            "images": len(self.words),
            "latency_cycles": self.latency,
            "latencies_cycles": self.latencies.tolist(),
            "intervals_cycles": self.intervals.tolist(),
            "steady_state_interval_cycles": self.steady_state_interval,
            "settled": self.is_settled,
            "bottleneck": None if bottleneck is None else bottleneck.label,
            "streams": [
                {
                    "name": stream.name,
                    "cycles": stream.cycles,
                    "beats": stream.beats,
                    "blocked": stream.blocked,
                    "starved": stream.starved,
                    "idle": stream.idle,
                }
                for stream in self.streams
            ],
            "layers": [
                {
                    "label": layer.label,
                    "cycles": layer.cycles,
                    "load": layer.load,
                    "waiting": layer.waiting,
                    "held_up": layer.held_up,
                }
                for layer in self.activity
            ],
            "simulated_cycles": self.cycles,
            "configuration_cycles": self.configuration_cycles,
            "simulation_seconds": self.seconds,
            "compile_seconds": self.compile_seconds,
            "compiled_now": self.compiled,
        }
