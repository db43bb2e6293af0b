"""What the figures have in common: colours, fonts, and files that are the same on every run."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from reports.utilization import Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What matplotlib says of a home it cannot write to, or of the cache it makes there, is of no
# concern amid a sweep; without a handler it would be printed.
logging.getLogger("matplotlib").addHandler(logging.NullHandler())

#: Okabe and Ito's palette, told apart by colour-blind people too; yellow is left out (too pale).
RESOURCE_COLOURS = {
    "lut": "#0072B2",
    "lutram": "#56B4E9",
    "ff": "#009E73",
    "bram": "#D55E00",
    "dsp": "#CC79A7",
}
#: Beside the colour, so that print in grey can be read.
RESOURCE_MARKERS = {"lut": "o", "lutram": "s", "ff": "^", "bram": "D", "dsp": "v"}

#: Line style, and whether the markers are filled.
SOURCE_LINES: dict[Source, tuple[Any, bool]] = {
    Source.PAPER: ("-", True),
    Source.FINN_ESTIMATE: ((0, (5, 2)), False),
    Source.YOSYS: ((0, (1, 1.5)), True),
    Source.VIVADO_SYNTH: ((0, (5, 1.5, 1, 1.5)), False),
    # Short dashes: of long ones one hides another, or a marker the gap between.
    Source.VIVADO_PLACED: ((0, (2.5, 1.2)), True),
}

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the same everywhere
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "svg.hashsalt": "split-dse",  # else identifiers in the file are random
    "svg.fonttype": "path",
    "savefig.dpi": 200,
}


#: What a kind of file would say of the day and program that made it: nothing.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def render(draw: Callable[[], Figure], kinds: Sequence[str] = ("svg", "png")) -> dict[str, bytes]:
    """The figure that ``draw`` makes, as ``{"svg": ..., "png": ...}``; the same bytes on every run.

    Works without a display and leaves matplotlib's global state as it was.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = draw()
        _settle(figure)
        files = {}
        for kind in kinds:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=_METADATA[kind])
            files[kind] = buffer.getvalue()
    return files


def _settle(figure: Figure) -> None:
    """Lay ``figure`` out once and for all, at positions that do not depend on the run.

    The solver behind the layout adds in the order of addresses in memory, so its last digits
    differ from one run to the next, and with them the identifiers of clip paths in an SVG.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(edge, 5) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


def write_note(figure: Figure, sentences: list[str], width: int = 118) -> None:
    """Put ``sentences`` under the axes, wrapped at ``width`` characters, and make room for them."""
    import textwrap

    from matplotlib.layout_engine import ConstrainedLayoutEngine

    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, width)]
    inches = float(figure.get_size_inches()[1])
    height = (0.125 * len(lines) + 0.08) / inches
    engine = ConstrainedLayoutEngine()
    engine.set(rect=(0, height, 1, 1 - height))
    figure.set_layout_engine(engine)
    figure.text(0.012, 0.08 / inches, "\n".join(lines), fontsize=6.5, color="#444444", va="bottom")
