"""Resources in words: their headings, and counts and percentages as printed."""

from __future__ import annotations

#: How the resources are called in a heading.
RESOURCE_TITLES = {
    "lut": "LUT",
    "lut_as_logic": "LUT as logic",
    "lutram": "LUTRAM",
    "ff": "FF",
    "bram": "BRAM",
    "dsp": "DSP",
    "uram": "URAM",
}


def format_used(resource: str, count: float) -> str:
    """Whole units; BRAM, in halves, with one decimal."""
    return f"{count:.1f}" if resource == "bram" else f"{count:.0f}"


def format_percent(share: float) -> str:
    """Two decimals, as the paper prints."""
    return f"{share:.2f}"
