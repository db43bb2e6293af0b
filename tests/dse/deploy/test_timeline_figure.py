"""The timeline as a figure: the same on every run, legible, and silent on what is unknown."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from dse.deploy import timeline_figure as drawn
from dse.deploy.timeline import timeline
from dse.deploy.timeline_figure import timeline_figure
from tests.dse.deploy.random_pipelines import a_job, shifted


def luminance(colour: str) -> float:
    """WCAG 2.1's relative luminance of ``#rrggbb``."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_with_white(colour: str) -> float:
    return 1.05 / (luminance(colour) + 0.05)


@pytest.mark.parametrize("name", ["COMPUTE", "WIRE", "HANDING_OVER", "QUEUED", "INK"])
def test_every_colour_can_be_seen_on_white(name: str) -> None:
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)  # well known
    assert contrast_with_white(getattr(drawn, name)) >= 4.5


def shares_of(png: bytes, colour: str) -> np.ndarray:
    """For each row of the picture, the share of it that has ``colour``."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (abs(pixels - wanted).max(axis=2) <= 4).mean(axis=1)


@pytest.mark.parametrize(("stages", "images"), [(2, 20), (3, 20), (8, 100), (4, 1000)])
def test_every_stage_has_a_lane_as_full_as_it_is_busy(stages: int, images: int) -> None:
    job = a_job(stages, images)
    times = timeline(job)
    figure = timeline_figure(job, times, f"{stages} stages: model")
    rows = shares_of(figure.png, drawn.COMPUTE) > 0.25
    assert np.diff(rows.astype(int)).clip(0).sum() == stages  # as many bands
    # 1000 images have no thousand bars.
    assert len(figure.svg) < 1_500_000
    assert figure.svg.count(b"<g id=") < 1500


def test_the_same_bytes_on_every_run() -> None:
    job = a_job()
    times = timeline(job)
    assert timeline_figure(job, times, "a") == timeline_figure(job, times, "a")


def test_unknown_wires_are_not_drawn_and_a_note_says_so() -> None:
    def wires(svg: bytes) -> int:
        return len(re.findall(rf"stroke: {drawn.WIRE}".lower().encode(), svg.lower()))

    job = a_job(2, 20)
    known = timeline_figure(job, timeline(job), "a")
    off = shifted(job, 1, 2_000_000)
    unknown = timeline_figure(off, timeline(off), "a")
    assert wires(known.svg) - wires(unknown.svg) == 20
    # Beside the outlines of the letters, matplotlib writes the text as a comment.
    assert b"Unknown, so not drawn" not in known.svg
    assert b"Unknown, so not drawn: stage 1 to client" in unknown.svg


def test_a_job_of_one_image_that_took_no_time_is_drawn() -> None:
    job = a_job(1, 1)
    zero = type(job)(job.sent_ns * 0, job.received_ns * 0, ())
    assert timeline_figure(zero, timeline(zero), "nothing").png
