"""A part's folder as ``dse build`` and overlay.tcl leave it, with a bitstream for the stand-in."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from finn_flows.backends.interface import Part
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.circuit.part_folder import write_part_folder
from finn_flows.cut import Cut
from finn_flows.folding import Folding
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from finn_flows.standard_onnx import export_standard_onnx
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Source

#: What PYTHONPATH (or sys.path) must name for ``import pynq`` to find the stand-in.
STAND_IN = Path(__file__).parents[2] / "fakes" / "pynq_stand_in"
DEVICE = "xc7z020clg400-1"


def write_overlay_folder(
    whole: Network, cut: Cut | None, name: PartName, folding: Folding, directory: Path
) -> Path:
    """The folder of one part; its circuit has the shallowest FIFOs, which nothing here looks at."""
    part = Part(whole, name, cut, folding, DEVICE, 100.0)
    circuit = part_circuit(part)
    record = SweepRecord(
        network=whole.name,
        network_sha256=whole.sha256,
        part=name,
        split=None if cut is None else cut.layer,
        pool=None if cut is None else cut.pool,
        source=Source.YOSYS,
        device=DEVICE,
        clock_mhz=100.0,
        folding=folding.name,
        bytes_per_image=None,
    )
    write_part_folder(part, circuit, record, {}, directory, {})
    overlay = directory / "overlay"
    overlay.mkdir()
    (overlay / "part.bit").write_bytes(
        fake_bitstream(part.network, circuit.configuration, circuit.identity)
    )
    (overlay / "part.hwh").write_text("<not read/>")
    return directory


def fake_bitstream(network: Network, configuration: np.ndarray, identity: int) -> bytes:
    """What the stand-in's Overlay takes: the part, and what must be written into it."""
    with io.BytesIO() as file:
        np.savez(
            file,
            model=np.frombuffer(export_standard_onnx(network).SerializeToString(), np.uint8),
            configuration=configuration,
            identity=np.uint32(identity),
            input_shape=network.input_shape,
            input_type=_type(network.input_type),
            output_shape=network.output_shape,
            output_type=_type(network.output_type),
        )
        return file.getvalue()


def _type(kind: IntegerType) -> list[int]:
    return [kind.bits, int(kind.is_signed), int(kind.is_bipolar)]
