"""A part's folder as ``dse build --backend vivado`` leaves it, with a bitstream for the stand-in.

FINN writes all of it; only Vivado and Vitis HLS are fakes.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from finn_flows.backends.interface import Part
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.cut import Cut
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from finn_flows.standard_onnx import export_standard_onnx
from finn_flows.vivado.board import find_board
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Source
from tests.dse.small_network import small_folding, small_network
from tests.finn_flows.vivado.parts import LIMITS

DEVICE = find_board("Pynq-Z1").part
#: Both parts of the small network.
FIRST = Part(small_network(), PartName.FIRST, Cut(1), small_folding(), DEVICE, 100.0)
SECOND = replace(FIRST, name=PartName.SECOND)


def write_finn_folder(part: Part, directory: Path) -> Path:
    """Built, with the fake tools on the path, and with a bitstream that the stand-in can run."""
    backend = VivadoBackend(board=find_board("Pynq-Z1"), limits=LIMITS, jobs=1, measure_fifos=False)
    result = backend.build(part, directory.parent / f"build-{directory.name}")
    record = SweepRecord(
        network=part.whole.name,
        network_sha256=part.whole.sha256,
        part=part.name,
        split=None if part.cut is None else part.cut.layer,
        pool=None if part.cut is None else part.cut.pool,
        source=result.source or Source.VIVADO_PLACED,
        device=part.device,
        clock_mhz=part.clock_mhz,
        folding=part.folding.name,
        bytes_per_image=None,
        utilization=result.utilization,
        cycles=result.cycles,
        slowest=result.slowest,
        implementation=result.implementation,
    )
    backend.write_folder(part, record, directory)
    if (directory / "overlay" / "part.bit").exists():
        replace_file(directory, "overlay/part.bit", bitstream(part.network, directory))
    return directory


def replace_file(directory: Path, name: str, data: bytes) -> None:
    """As if the build had made ``data`` of it."""
    (directory / name).write_bytes(data)
    facts = json.loads((directory / "part.json").read_text())
    facts["files"][name] = hashlib.sha256(data).hexdigest()
    (directory / "part.json").write_text(json.dumps(facts))


def bitstream(
    network: Network, directory: Path, scale: int | list[int] = 1, offset: int | list[int] = 0
) -> bytes:
    """The part behind its DMA as FINN says in ``directory`` that it has laid it out. What the
    circuit gives is ``(result - offset) / scale``."""
    told = json.loads((directory / "driver" / "settings.json").read_text())
    shapes = told["driver_information"]["io_shape_dict"]
    with io.BytesIO() as file:
        np.savez(
            file,
            model=np.frombuffer(export_standard_onnx(network).SerializeToString(), np.uint8),
            input_shape=network.input_shape,
            finn_input_words=_words(shapes, "i", network.input_type),
            finn_output_words=_words(shapes, "o", network.output_type),
            scale=scale,
            offset=offset,
        )
        return file.getvalue()


def _words(shapes: dict[str, list[object]], side: str, values: IntegerType) -> list[int]:
    """As of finn_overlay.py of the stand-in. Where FINN counts equal bits, BINARY 0 means -1."""
    from qonnx.core.datatype import DataType

    kind = DataType[str(shapes[f"{side}dt"][0])[10:-2]]
    folded, packed = shapes[f"{side}shape_folded"][0], shapes[f"{side}shape_packed"][0]
    assert isinstance(folded, list)
    assert isinstance(packed, list)
    sign = -1 if values.is_bipolar else int(kind.signed())
    return [folded[-1], packed[-1], kind.bitwidth(), sign]
