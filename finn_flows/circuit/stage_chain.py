"""A layer's module: its stages one behind another, between one stream in and one stream out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from finn_flows.circuit.layer_circuit import LayerCircuit, Source, ordered
from finn_flows.circuit.render import Stage, render


def stage_chain(
    label: str,
    module: str,
    stages: Sequence[Stage],
    sources: Iterable[Source],
    *,
    comment: str | None = None,
    cycles: int | None = None,
    memory_files: tuple[Source, ...] = (),
    number: int | None = None,
) -> LayerCircuit:
    """The circuit of ``stages`` in a row, ``sources`` being what they are made of.

    ``comment`` stands at the head of the module's file (None: the label); the rest as in
    :class:`~finn_flows.circuit.layer_circuit.LayerCircuit`. With a ``number`` the module has the
    configuration port of its stages.
    """
    in_width, out_width = stages[0].in_width, stages[-1].out_width
    text = render(
        "layer.sv.j2",
        comment=comment or label,
        module=module,
        stages=stages,
        in_width=in_width,
        out_width=out_width,
        configured=number is not None,
    )
    return LayerCircuit(
        label,
        module,
        ordered({**dict(sources), f"{module}.sv": text}.items()),
        in_width,
        out_width,
        cycles,
        memory_files,
        number,
    )
