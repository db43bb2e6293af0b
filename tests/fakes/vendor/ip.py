"""IP blocks: what their component.xml, Verilog or the catalogue says of their ports and size."""

from __future__ import annotations

import hashlib
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

AXIS, AXIMM = "axis", "aximm"
_SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
#: A fake's own vendor extension: how large the block is.
_SIZE = "fakeSize"
COUNTS = ("lut_as_logic", "lutram", "ff", "bram18", "dsp")


@dataclass(frozen=True)
class Bus:
    """An interface: ``mode`` Master or Slave, ``kind`` axis or aximm, ``width`` of data in bits
    (of addresses for a slave of registers), ``protocol`` of aximm."""

    name: str
    mode: str
    kind: str
    width: int | None = None
    protocol: str = ""


@dataclass(frozen=True)
class Port:
    """A pin: ``direction`` I or O, ``role`` clk, rst or empty."""

    name: str
    direction: str
    role: str = ""


@dataclass
class Block:
    """A block that can be put into a design; ``size``: counts by the names of COUNTS."""

    vlnv: str
    buses: list[Bus] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    size: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.vlnv.split(":")[2]


_FOLDER = re.compile(r'"/[^"\n]*/')


def size_of(text: str, scale: float = 1.0) -> dict[str, int]:
    """Counts that follow from a text alone, but for where files lie: another text, other counts."""
    digest = hashlib.sha256(_FOLDER.sub('"', text).encode()).digest()
    logic = int((120 + int.from_bytes(digest[:2], "big") % 700) * scale)
    return {
        "lut_as_logic": logic,
        "lutram": int(digest[2] % 60 * scale),
        "ff": int(logic * (1.1 + digest[3] / 512)),
        "bram18": int(digest[4] % 3 * scale),
        "dsp": int(digest[5] % 2 * scale),
    }


def total_size(sizes: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(size.get(name, 0) for size in sizes) for name in COUNTS}


def write_component(path: Path, block: Block, files: list[str]) -> None:
    """The IP-XACT file of ``block``, as far as anybody here reads it."""
    vendor, library, name, version = block.vlnv.split(":")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<spirit:component xmlns:xilinx="http://www.xilinx.com" xmlns:spirit="{_SPIRIT}">',
        f"  <spirit:vendor>{vendor}</spirit:vendor>",
        f"  <spirit:library>{library}</spirit:library>",
        f"  <spirit:name>{name}</spirit:name>",
        f"  <spirit:version>{version}</spirit:version>",
        "  <spirit:busInterfaces>",
        *(
            f'    <spirit:busInterface name="{bus.name}" mode="{bus.mode}" kind="{bus.kind}" '
            f'width="{bus.width or ""}" protocol="{bus.protocol}"/>'
            for bus in block.buses
        ),
        "  </spirit:busInterfaces>",
        "  <spirit:ports>",
        *(
            f'    <spirit:port name="{port.name}" direction="{port.direction}" role="{port.role}"/>'
            for port in block.ports
        ),
        "  </spirit:ports>",
        "  <spirit:fileSets>",
        "    <spirit:fileSet>",
        *(f"      <spirit:file><spirit:name>{name}</spirit:name></spirit:file>" for name in files),
        "    </spirit:fileSet>",
        "  </spirit:fileSets>",
        f"  <{_SIZE} " + " ".join(f'{name}="{block.size.get(name, 0)}"' for name in COUNTS) + "/>",
        "</spirit:component>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read_component(path: Path) -> Block:
    """Raises ElementTree.ParseError or AttributeError for a file that is cut short."""
    root = ElementTree.parse(path).getroot()

    def text(name: str) -> str:
        return root.find(f"{{{_SPIRIT}}}{name}").text or ""  # type: ignore[union-attr]

    size = root.find(_SIZE)
    return Block(
        ":".join(text(name) for name in ("vendor", "library", "name", "version")),
        [
            Bus(
                bus.attrib["name"],
                bus.attrib["mode"],
                bus.attrib["kind"],
                int(bus.attrib["width"]) if bus.attrib["width"] else None,
                bus.attrib["protocol"],
            )
            for bus in root.iter(f"{{{_SPIRIT}}}busInterface")
        ],
        [
            Port(port.attrib["name"], port.attrib["direction"], port.attrib["role"])
            for port in root.iter(f"{{{_SPIRIT}}}port")
        ],
        {name: int(size.attrib[name]) for name in COUNTS} if size is not None else {},
    )


def catalogue(folders: list[str]) -> dict[str, Block]:
    """Every block in or below the folders, by vendor:library:name:version."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("**/component.xml")):
            try:
                block = read_component(path)
            except (ElementTree.ParseError, AttributeError, KeyError):
                continue
            found[block.vlnv] = block
    return found


# --- Verilog ------------------------------------------------------------------------------------

_MODULE = re.compile(r"^\s*module\s+(\w+)\s*(#\s*\(.*?\))?\s*\((.*?)\)\s*;", re.S | re.M)
_PORT = re.compile(
    r"\b(input|output)\b\s*(?:wire|reg|logic)?\s*(?:signed\s*)?(\[[^\]]*\])?\s*(\w+)"
)
_PARAMETER = re.compile(
    r"\bparameter\b\s*(?:\[[^\]]*\]|int|integer|unsigned)*\s*(\w+)\s*=\s*([^,;)\n]+)"
)
_BUS_PORT = re.compile(
    r"^(?P<name>\w+?)_(?P<signal>TDATA|TVALID|TREADY|TLAST|TKEEP|AWADDR|ARADDR|WDATA|RDATA|AW\w+|"
    r"AR\w+|W[A-Z]+|R[A-Z]+|B[A-Z]+)$",
    re.I,
)


def modules_of(text: str) -> dict[str, Block]:
    """The modules of a Verilog file as blocks: interfaces are told by the names of their ports."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    plain = re.sub(r"\(\*.*?\*\)", "", plain, flags=re.S)
    return {
        found[1]: _module(found[1], found[3], plain[found.start() :], plain)
        for found in _MODULE.finditer(plain)
    }


def _module(name: str, ports: str, body: str, text: str) -> Block:
    values: dict[str, int] = {}
    for parameter, expression in _PARAMETER.findall(body):
        value = _value(expression, values)
        if value is not None:
            values.setdefault(parameter, value)
    buses: dict[str, dict[str, tuple[str, int | None]]] = {}
    pins = []
    for direction, bits, port in _PORT.findall(ports):
        width = _width(bits, values)
        bus = _BUS_PORT.match(port)
        if bus and not port.startswith("ap_"):
            buses.setdefault(bus["name"], {})[bus["signal"].upper()] = direction, width
        else:
            role = "clk" if re.search(r"clk|aclk", port, re.I) else ""
            role = "rst" if re.search(r"rst|reset", port, re.I) else role
            pins.append(Port(port, "I" if direction == "input" else "O", role))
    return Block(
        f"xilinx.com:module_ref:{name}:1.0",
        [found for bus, signals in buses.items() if (found := _bus(bus, signals)) is not None],
        pins,
        size_of(text),
    )


def _bus(name: str, signals: dict[str, tuple[str, int | None]]) -> Bus | None:
    if "TVALID" in signals:
        mode = "Master" if signals["TVALID"][0] == "output" else "Slave"
        return Bus(name, mode, AXIS, signals.get("TDATA", ("", None))[1])
    for address in ("AWADDR", "ARADDR"):
        if address in signals:
            direction, width = signals[address]
            burst = any(signal.endswith("LEN") for signal in signals)
            mode = "Master" if direction == "output" else "Slave"
            return Bus(name, mode, AXIMM, width, "AXI4" if burst else "AXI4LITE")
    return None


def _width(bits: str, values: dict[str, int]) -> int | None:
    if not bits:
        return 1
    high, _, low = bits[1:-1].partition(":")
    top, bottom = _value(high, values), _value(low or "0", values)
    return None if top is None or bottom is None else top - bottom + 1


def _value(expression: str, values: dict[str, int]) -> int | None:
    """A constant expression of Verilog; None for what goes beyond arithmetic."""
    text = re.sub(r"\$clog2", "clog2", expression).strip()
    text = re.sub(r"\b\d*'[dD]?(\d+)\b", r"\1", text).replace("/", "//")
    if "?" in text or not re.fullmatch(r"[\w\s+\-*/()<>]+", text):
        return None
    names = {**values, "clog2": lambda value: math.ceil(math.log2(value)) if value > 1 else 0}
    try:
        return int(eval(text, {"__builtins__": {}}, names))
    except (NameError, SyntaxError, TypeError, ValueError, ZeroDivisionError):
        return None


# --- The catalogue of the tool ------------------------------------------------------------------


def vendor_block(vlnv: str, settings: dict[str, str]) -> Block | None:
    """A block that comes with Vivado, with the ports that its settings give it; None: unknown."""
    name = vlnv.split(":")[2]
    make = _VENDOR.get(name)
    if make is None or not vlnv.startswith("xilinx.com:ip:"):
        return None
    buses, ports = make(settings)
    return Block(f"xilinx.com:ip:{name}:{VENDOR_VERSIONS[name]}", buses, ports, size_of(name, 0.8))


VENDOR_VERSIONS = {
    "processing_system7": "5.5",
    "zynq_ultra_ps_e": "3.4",
    "axi_interconnect": "2.1",
    "smartconnect": "1.0",
    "clk_wiz": "6.0",
    "proc_sys_reset": "5.0",
    "axi_gpio": "2.0",
    "axi_dma": "7.1",
}
Ports = tuple[list[Bus], list[Port]]


def _on(settings: dict[str, str], name: str, default: str = "0") -> bool:
    return settings.get(name, default) not in ("0", "false", "")


def _zynq(settings: dict[str, str]) -> Ports:
    buses, ports = [], [Port("FCLK_CLK0", "O", "clk"), Port("FCLK_RESET0_N", "O", "rst")]
    if _on(settings, "CONFIG.PCW_USE_M_AXI_GP0", "1"):
        buses.append(Bus("M_AXI_GP0", "Master", AXIMM, 32, "AXI3"))
        ports.append(Port("M_AXI_GP0_ACLK", "I", "clk"))
    for number in range(4):
        if _on(settings, f"CONFIG.PCW_USE_S_AXI_HP{number}"):
            buses.append(Bus(f"S_AXI_HP{number}", "Slave", AXIMM, 32, "AXI3"))
            ports.append(Port(f"S_AXI_HP{number}_ACLK", "I", "clk"))
    return buses, ports


def _zynq_ultra(settings: dict[str, str]) -> Ports:
    buses, ports = [], [Port("pl_clk0", "O", "clk"), Port("pl_resetn0", "O", "rst")]
    for number, name in ((0, "HPM0_FPD"), (1, "HPM1_FPD"), (2, "HPM0_LPD")):
        if _on(settings, f"CONFIG.PSU__USE__M_AXI_GP{number}", "1"):
            buses.append(Bus(f"M_AXI_{name}", "Master", AXIMM, 40, "AXI4"))
            ports.append(Port(f"maxi{name.lower()}_aclk", "I", "clk"))
    for number in range(2, 6):
        if _on(settings, f"CONFIG.PSU__USE__S_AXI_GP{number}"):
            buses.append(Bus(f"S_AXI_HP{number - 2}_FPD", "Slave", AXIMM, 49, "AXI4"))
            ports.append(Port(f"saxihp{number - 2}_fpd_aclk", "I", "clk"))
    return buses, ports


def _many(settings: dict[str, str], masters: bool, slaves: bool) -> list[Bus]:
    def count(name: str) -> int:
        return int(settings.get(f"CONFIG.{name}", "1"))

    found = [Bus(f"S{n:02d}_AXI", "Slave", AXIMM) for n in range(count("NUM_SI")) if slaves]
    return found + [
        Bus(f"M{n:02d}_AXI", "Master", AXIMM) for n in range(count("NUM_MI")) if masters
    ]


def _interconnect(settings: dict[str, str]) -> Ports:
    buses = _many(settings, True, True)
    ports = [Port("ACLK", "I", "clk"), Port("ARESETN", "I", "rst")]
    for bus in buses:
        ports.append(Port(f"{bus.name[:3]}_ACLK", "I", "clk"))
        ports.append(Port(f"{bus.name[:3]}_ARESETN", "I", "rst"))
    return buses, ports


def _smartconnect(settings: dict[str, str]) -> Ports:
    ports = [Port("aclk", "I", "clk"), Port("aresetn", "I", "rst")]
    return _many(settings, True, True), ports


def _clock(settings: dict[str, str]) -> Ports:
    ports = [Port("clk_in1", "I", "clk"), Port("clk_out1", "O", "clk"), Port("locked", "O")]
    return [], [*ports, Port(settings.get("CONFIG.RESET_PORT", "reset"), "I", "rst")]


def _reset(settings: dict[str, str]) -> Ports:
    inputs = [Port(name, "I", "rst") for name in ("ext_reset_in", "aux_reset_in")]
    outputs = [Port(name, "O", "rst") for name in ("interconnect_aresetn", "peripheral_aresetn")]
    return [], [Port("slowest_sync_clk", "I", "clk"), Port("dcm_locked", "I"), *inputs, *outputs]


def _gpio(settings: dict[str, str]) -> Ports:
    ports = [Port("s_axi_aclk", "I", "clk"), Port("s_axi_aresetn", "I", "rst")]
    return [Bus("S_AXI", "Slave", AXIMM, 9, "AXI4LITE")], [*ports, Port("gpio_io_o", "O")]


def _dma(settings: dict[str, str]) -> Ports:
    width = int(settings.get("CONFIG.c_m_axis_mm2s_tdata_width", "32"))
    buses = [
        Bus("S_AXI_LITE", "Slave", AXIMM, 10, "AXI4LITE"),
        Bus("M_AXI_MM2S", "Master", AXIMM, 32, "AXI4"),
        Bus("M_AXI_S2MM", "Master", AXIMM, 32, "AXI4"),
        Bus("M_AXIS_MM2S", "Master", AXIS, width),
        Bus("S_AXIS_S2MM", "Slave", AXIS, width),
    ]
    clocks = ("s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk")
    return buses, [*(Port(name, "I", "clk") for name in clocks), Port("axi_resetn", "I", "rst")]


_VENDOR = {
    "processing_system7": _zynq,
    "zynq_ultra_ps_e": _zynq_ultra,
    "axi_interconnect": _interconnect,
    "smartconnect": _smartconnect,
    "clk_wiz": _clock,
    "proc_sys_reset": _reset,
    "axi_gpio": _gpio,
    "axi_dma": _dma,
}
