"""A part of a network to a bitstream, through FINN and Vivado."""
