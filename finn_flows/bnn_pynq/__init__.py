"""Parameter directories of Xilinx BNN-PYNQ: read into the canonical network, written from it.

Sources of every fact here: BNN-PYNQ (BSD-3), ``bnn/src/training/finnthesizer.py`` (what writes
the files), ``bnn/src/library/host/foldedmv-offload.*`` (what loads them and encodes pictures),
``bnn/src/network/*/hw/{config.h,top.cpp}`` (what the hardware does with them), and finn-hlslib at
the commit BNN-PYNQ pins, 8b7f5f5 (``mvau.hpp``, ``interpret.hpp``, ``activations.hpp``).
"""

from finn_flows.bnn_pynq.read import BnnPynqParameters, read_bnn_pynq
from finn_flows.bnn_pynq.topology import CNV, LFC, BnnPynqTopology, topology_of
from finn_flows.bnn_pynq.write import write_bnn_pynq

__all__ = [
    "CNV",
    "LFC",
    "BnnPynqParameters",
    "BnnPynqTopology",
    "read_bnn_pynq",
    "topology_of",
    "write_bnn_pynq",
]
