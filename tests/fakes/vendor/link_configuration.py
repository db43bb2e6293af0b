"""The configuration that ``v++ --link`` is given, held against the kernels that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ip import AXIMM, AXIS, Bus

_BANK = re.compile(r"([A-Z]+)(?:\[(\d+)(?::(\d+))?\])?")


class LinkError(Exception):
    """What a linker refuses."""


@dataclass(frozen=True)
class Kernel:
    """What an .xo says: its ports by name, and (a fake's own) its size."""

    name: str
    ports: dict[str, Bus]
    size: dict[str, int]


@dataclass
class LinkConfiguration:
    """``nk``: (kernel, compute unit); ``sc``: (unit.port, unit.port); ``sp``: (unit.port, bank)."""

    nk: list[tuple[str, str]] = field(default_factory=list)
    sc: list[tuple[str, str]] = field(default_factory=list)
    sp: list[tuple[str, str]] = field(default_factory=list)

    def check(self, kernels: dict[str, Kernel], memory: dict[str, int]) -> None:
        """Raises LinkError. ``memory``: number of banks by kind, of the platform."""
        units: dict[str, Kernel] = {}
        for name, unit in self.nk:
            if name not in kernels:
                raise LinkError(f"nk: kernel {name} is in no .xo")
            if unit in units:
                raise LinkError(f"nk: two compute units {unit}")
            units[unit] = kernels[name]
        if unused := sorted(set(kernels) - {name for name, _ in self.nk}):
            raise LinkError(f"nk: kernel {unused[0]} has no compute unit")
        connected: set[str] = set()
        for sender, receiver in self.sc:
            source, target = _port(units, sender), _port(units, receiver)
            if (source.kind, source.mode, target.kind, target.mode) != (
                *(AXIS, "Master"),
                *(AXIS, "Slave"),
            ):
                raise LinkError(f"stream_connect: {sender}:{receiver} is no stream that way round")
            if source.width != target.width:
                raise LinkError(f"stream_connect: {sender}:{receiver}: widths differ")
            for end in (sender, receiver):
                if end in connected:
                    raise LinkError(f"stream_connect: {end} is connected twice")
                connected.add(end)
        for end, bank in self.sp:
            port, place = _port(units, end), _BANK.fullmatch(bank)
            if port.kind != AXIMM or port.mode != "Master":
                raise LinkError(f"sp: {end} does not read memory")
            if place is None or int(place[3] or place[2] or 0) >= memory.get(place[1], 0):
                raise LinkError(f"sp: the platform has no memory {bank}")
        for unit, kernel in units.items():
            for port in kernel.ports.values():
                if port.kind == AXIS and f"{unit}.{port.name}" not in connected:
                    raise LinkError(f"{unit}.{port.name} is connected to nothing")


def read_configuration(path: Path) -> LinkConfiguration:
    """Raises LinkError for a line that is not known, OSError."""
    found, section = LinkConfiguration(), ""
    for line in map(str.strip, path.read_text().splitlines()):
        if line.startswith("["):
            section = line
        elif line:
            key, _, value = line.partition("=")
            words = value.split(":", 1 if key == "sp" else -1)
            if section == "[connectivity]" and key == "nk" and len(words) == 3 and words[1] == "1":
                found.nk.append((words[0], words[2]))
            elif section == "[connectivity]" and key in ("sc", "stream_connect"):
                found.sc.append((words[0], words[1]))
            elif section == "[connectivity]" and key == "sp":
                found.sp.append((words[0], words[1]))
            else:
                raise LinkError(f"unrecognised line in {section}: {line}")
    return found


def _port(units: dict[str, Kernel], end: str) -> Bus:
    unit, _, port = end.partition(".")
    if unit not in units or port not in units[unit].ports:
        raise LinkError(f"there is no port {end}")
    return units[unit].ports[port]
