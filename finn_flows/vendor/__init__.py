"""The vendor's tools (Vivado, Vitis HLS, v++): found, run within limits, and what they say, read.

Everything that starts one of them goes through here, whatever it builds.
"""
