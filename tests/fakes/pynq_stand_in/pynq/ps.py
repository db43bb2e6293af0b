"""Clocks of the processing system."""

from __future__ import annotations


class Clocks:
    """As pynq's: set by assigning to the class."""

    fclk0_mhz = 50.0
