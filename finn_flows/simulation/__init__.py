"""Simulation of a part's RTL, cycle by cycle: Verilator makes a program of it, a harness drives it.

``simulate`` runs images through a circuit and measures; ``fifo_depths`` finds how deep the FIFOs
between the layers must be; ``part_process`` keeps a compiled part running and talks to it over
the pipes of ``harness_pipe``.
"""
