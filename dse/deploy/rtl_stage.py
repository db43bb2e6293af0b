"""The files of a stage of the ``rtl`` engine: the part's circuit, compiled by Verilator."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np

from dse.deploy.stage_request import StageContents, StageRequest
from dse.errors import InputError

PROGRAM = "model"
CONFIGURATION = "configuration.bin"


def rtl_contents(request: StageRequest) -> StageContents:
    """The program, what its memories begin with, and what is written into them.

    The circuit is that of ``dse build --backend yosys``: its FIFOs are as deep as simulation of the
    whole network says, which takes minutes for a network and folding never searched before. The
    program runs on machines of this one's kind only, with its C++ library. Raises InputError
    without a folding, BuildError where the circuit cannot be made or compiled.
    """
    from finn_flows.backends.interface import Part
    from finn_flows.circuit.part_circuit import layers_circuit
    from finn_flows.simulation.fifo_depths import fifo_depths
    from finn_flows.simulation.part_process import circuit_arguments
    from finn_flows.simulation.simulate import compile_circuit
    from reports.sweep_record import PartName

    whole, part, folding = request.whole, request.part, request.folding
    if folding is None:
        raise InputError(f"stage {part.position} (rtl) needs a folding for its circuit")
    depths = fifo_depths(whole, folding, request.device)
    # No clock is in the circuit.
    target = Part(whole, PartName.WHOLE, None, folding, request.device, 100.0)
    circuit = layers_circuit(target, part.first, part.last, depths)
    files = {name: text.encode() for name, text in circuit.memory_files}
    files[CONFIGURATION] = np.ascontiguousarray(circuit.configuration, "<u4").tobytes()
    files[PROGRAM] = compile_circuit(circuit).program.read_bytes()
    return StageContents(
        files,
        {
            "program": PROGRAM,
            "machine": platform.machine(),
            "arguments": [*circuit_arguments(circuit), "--eager"],
            "streams": list(circuit.streams),
            "configuration": CONFIGURATION,
            "identity": circuit.identity,
        },
        {"verilator": version("verilator")},
    )
