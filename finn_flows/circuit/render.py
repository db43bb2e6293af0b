"""The jinja2 templates of generated modules, and the stages they are filled with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

Parameter = int | str | bool


@dataclass(frozen=True)
class Stage:
    """One module instance of a layer: ``in_width`` and ``out_width`` are what it really carries.

    ``byte_padded``: its TDATA is padded to whole bytes, as FINN's generated modules have it.
    ``tied``: input ports held at a constant, as (port, SystemVerilog expression).
    """

    instance: str
    module: str
    in_width: int
    out_width: int
    values: tuple[tuple[str, Parameter], ...] = ()
    byte_padded: bool = False
    configured: bool = False
    tied: tuple[tuple[str, str], ...] = ()

    @property
    def in_padded(self) -> int:
        """Width of the module's TDATA port in bits."""
        return _whole_bytes(self.in_width) if self.byte_padded else self.in_width

    @property
    def out_padded(self) -> int:
        """As :attr:`in_padded`, of the output."""
        return _whole_bytes(self.out_width) if self.byte_padded else self.out_width

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Parameter values as SystemVerilog literals."""
        return [(name, _literal(value)) for name, value in self.values]


def render(template: str, **values: Any) -> str:
    """The text of ``finn_flows/circuit/templates/<template>``."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("finn_flows.circuit"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # SystemVerilog, Tcl and Markdown, not HTML
    )


def _literal(value: Parameter) -> str:
    if isinstance(value, bool):
        return f"1'b{int(value)}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _whole_bytes(width: int) -> int:
    return -(-width // 8) * 8
