"""Images through a part, cycle by cycle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finn_flows.simulation.compiled_model import CompiledModel, compile_model
from finn_flows.simulation.part_process import PartProcess, Stalls
from finn_flows.simulation.simulation_result import SimulationResult, StreamStatistics
from finn_flows.simulation.verilator import SimulationError, Trace
from finn_flows.simulation.wrapper import WRAPPER, wrapper_source

if TYPE_CHECKING:
    from finn_flows.circuit.layer_circuit import Circuit

__all__ = ["SimulationResult", "Stalls", "compile_circuit", "simulate"]


#: Levels of modules that a trace shows: the wrapper, the part with its streams, and the layers'
#: own signals. All that is inside the layers makes a hundred times as much.
TRACE_DEPTH = 3


_TRACED = """\
`verilator_config
tracing_off -scope "*"
tracing_on -scope "{scope}" -levels {levels}
"""


def compile_circuit(
    circuit: Circuit,
    *,
    trace: Trace | None = None,
    trace_depth: int = TRACE_DEPTH,
    jobs: int = 1,
) -> CompiledModel:
    """The program of ``circuit`` with the harness around it, from the cache if it is there.

    ``trace``: able to write traces of that format, which is slower; ``trace_depth``: of so many
    levels of modules, 0 for all. ``jobs``: compilers at a time.
    """
    sources = [*circuit.sources, wrapper_source(len(circuit.streams))]
    if trace is not None and trace_depth > 0:
        # Not --trace-depth, which does not see modules that were inlined.
        sources.insert(0, ("traced.vlt", _TRACED.format(scope=WRAPPER, levels=trace_depth)))
    return compile_model(sources, WRAPPER, trace=trace, jobs=jobs)


def simulate(
    circuit: Circuit,
    words: NDArray[np.uint64],
    *,
    stalls: Stalls | None = None,
    trace: Path | None = None,
    vcd: Path | None = None,
    vcd_image: int | None = None,
    trace_depth: int = TRACE_DEPTH,
    configure: bool = True,
    jobs: int = 1,
) -> SimulationResult:
    """Run images through ``circuit``, back to back.

    ``words``: uint64 (images, input words), packed as the wire is. The last image is offered again
    and again until its result is out, so that the part is full all the time. Four images are the
    fewest from which a steady state is told (SimulationResult.steady_state_interval).
    ``stalls``: random pauses on both sides; None runs freely. ``trace``: an FST file of the whole
    run; or ``vcd`` and ``vcd_image``: a VCD file of the time from that image's (from 0) first word
    in to its last word out; ``trace_depth``: levels of modules in either, 0 for all.
    ``configure``: write weights and thresholds first; the cycles that images take do not depend on
    them. ``jobs``: C++ compilers at a time.

    Raises SimulationError where the circuit does not compile, breaks a rule of AXI-Stream, sets
    TLAST wrongly, answers with another identity, or stands still (with the streams that are
    blocked and those without data); OutputError where a trace cannot be written.
    """
    if len(words) == 0:
        raise SimulationError("no images to simulate")
    if trace is not None and vcd is not None:
        raise SimulationError("two traces at a time", expected="an FST or a VCD file")
    if vcd is not None and not 0 <= (vcd_image or 0) < len(words):
        raise SimulationError(
            f"a trace around image {vcd_image} of {len(words)}", expected="one of them, from 0"
        )
    kind: Trace | None = "fst" if trace is not None else "vcd" if vcd is not None else None
    model = compile_circuit(circuit, trace=kind, trace_depth=trace_depth, jobs=jobs)
    with PartProcess(
        model.program,
        circuit,
        stalls=stalls,
        keep_full=True,
        trace=trace or vcd,
        trace_image=(vcd_image or 0) if vcd is not None else None,
    ) as process:
        if configure:
            process.configure()
        process.send(words)
        process.wait()
        results = np.empty((len(words), circuit.output_words), dtype=np.uint64)
        for index in range(len(words)):
            results[index] = process.receive()
        found = process.statistics()
        process.finish()
    if found["identity"] != circuit.identity:
        raise SimulationError(
            f"the circuit says that it is {found['identity']:#010x}",
            expected=f"{circuit.identity:#010x}",
        )
    return measured(circuit, results, found, model)


def measured(
    circuit: Circuit, words: NDArray[np.uint64], found: dict[str, Any], model: CompiledModel
) -> SimulationResult:
    """The result that the harness's statistics ``found`` describe."""
    return SimulationResult(
        words=words,
        first_in=np.array(found["first_in"], dtype=np.int64),
        last_out=np.array(found["last_out"], dtype=np.int64),
        windows=_windows(circuit, found),
        layers=tuple((layer.label, layer.cycles) for layer in circuit.layers),
        cycles=found["cycles"],
        configuration_cycles=found["configuration_cycles"],
        seconds=found["seconds"],
        compile_seconds=model.compile_seconds,
        compiled=not model.cached,
    )


def _windows(circuit: Circuit, found: dict[str, Any]) -> tuple[tuple[StreamStatistics, ...], ...]:
    names = [*circuit.streams, "s_axis_0", "m_axis_0"]
    counts = np.array(found["at_image_end"], dtype=np.int64)  # (images, streams, 3), running sums
    ends = np.array(found["last_out"], dtype=np.int64)[: len(counts)]
    per_image = np.diff(counts, axis=0, prepend=np.zeros_like(counts[:1]))
    spans = np.diff(ends, prepend=found["first_cycle"] - 1)
    return tuple(
        tuple(
            StreamStatistics(name, int(span), *map(int, stream))
            for name, stream in zip(names, image, strict=True)
        )
        for span, image in zip(spans, per_image, strict=True)
    )
