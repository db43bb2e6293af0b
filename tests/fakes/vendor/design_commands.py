"""Commands of the fake ``vivado`` that build a block design."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import ip
from automation import connect_through_smartconnect
from block_design import BlockDesign, End
from tcl_shell import Command, options, to_tcl

if TYPE_CHECKING:
    from vivado_tool import Vivado

#: A design in which no clock is set has the tool's default.
_DEFAULT_MHZ = 100.0
_CLOCK_SETTINGS = (
    "CONFIG.CLKOUT1_REQUESTED_OUT_FREQ",
    "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ",
    "CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ",
)

_TERM = re.compile(r'[\w.]+\s*(?:==|!=|=~)\s*(?:"[^"]*"|[^\s"&|()]+)')


class DesignCommands:
    """The block design that is open, and the catalogue of blocks."""

    def __init__(self, vivado: Vivado) -> None:
        self.vivado = vivado
        self.session = vivado.session
        self.open: BlockDesign | None = None

    def commands(self) -> dict[str, Command]:
        return {
            "create_bd_design": self.create_bd_design,
            "current_bd_design": lambda *_: self.needed().name,
            "create_bd_cell": self.create_bd_cell,
            "delete_bd_objs": self.delete_bd_objs,
            "create_bd_pin": self.create_bd_pin,
            "create_bd_intf_pin": self.create_bd_intf_pin,
            "connect_bd_net": self.connect_bd_net,
            "connect_bd_intf_net": self.connect_bd_intf_net,
            "make_bd_pins_external": lambda *names: self.make_external(False, names),
            "make_bd_intf_pins_external": lambda *names: self.make_external(True, names),
            "get_bd_cells": lambda *rest: self.search("cells", rest),
            "get_bd_pins": lambda *rest: self.search("pins", rest),
            "get_bd_ports": lambda *rest: self.search("ports", rest),
            "get_bd_intf_pins": lambda *rest: self.search("buses", rest),
            "get_bd_intf_ports": lambda *rest: self.search("bus_ports", rest),
            "get_bd_intf_nets": self.get_bd_intf_nets,
            "get_bd_addr_segs": self.get_bd_addr_segs,
            "assign_bd_address": self.assign_bd_address,
            "apply_bd_automation": self.apply_bd_automation,
            "get_ipdefs": self.get_ipdefs,
            "save_bd_design": self.save_bd_design,
            "validate_bd_design": self.validate_bd_design,
        }

    def needed(self) -> BlockDesign:
        if self.open is None:
            self.session.error("[BD 5-104] A block design must be open to run this command.")
        return self.open

    def words(self, groups: tuple[str, ...] | list[str]) -> list[str]:
        return [word for group in groups for word in self.vivado.shell.words(group)]

    # Building

    def create_bd_design(self, *arguments: str) -> str:
        _, rest = options(arguments)
        project = self.vivado.needed()
        self.open = BlockDesign(rest[0], self.session.error)
        project.design = self.session.design = rest[0]
        path = project.design_folder(generated=False) / f"{rest[0]}.bd"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
        project.files.append(str(path))
        self.session.say(f"Wrote  : <{path}>")
        self.session.step("block_design")
        return rest[0]

    def create_bd_cell(self, *arguments: str) -> str:
        given, rest = options(arguments)
        design = self.needed()
        if "vlnv" in given:
            block = self._block(given["vlnv"])
        elif "reference" in given:
            block = self._module(given["reference"])
        else:
            block = None
        return design.add_cell(rest[0], block)

    def _block(self, vlnv: str) -> ip.Block:
        shipped = ip.vendor_block(vlnv, {})
        if shipped is not None:
            return shipped
        found = [
            block
            for name, block in self._catalogue().items()
            if name == vlnv or name.rpartition(":")[0] == vlnv
        ]
        if not found:
            self.session.error(f"[BD 5-390] IP definition not found for VLNV: {vlnv}")
        return found[-1]

    def _catalogue(self) -> dict[str, ip.Block]:
        folders = self.vivado.needed().properties.get("ip_repo_paths", "")
        return ip.catalogue(self.vivado.shell.words(folders))

    def _module(self, name: str) -> ip.Block:
        for file in self.vivado.needed().files:
            path = Path(file)
            if path.suffix in (".v", ".sv"):
                modules = ip.modules_of(path.read_text(errors="replace"))
                if name in modules:
                    return modules[name]
        self.session.error(
            f"[filemgmt 56-176] Module references: no module '{name}' in the sources"
        )

    def delete_bd_objs(self, *names: str) -> None:
        for name in self.words(names):
            if name not in self.needed().cells:
                self.session.error(f"[BD 5-232] No cell '{name}'")
            self.needed().remove_cell(name)

    def create_bd_pin(self, *arguments: str) -> str:
        given, rest = options(arguments)
        return self.needed().add_boundary(
            rest[0], ip.Port(rest[0].rpartition("/")[2], given["dir"], given.get("type", ""))
        )

    def create_bd_intf_pin(self, *arguments: str) -> str:
        given, rest = options(arguments)
        kind = ip.AXIS if ":axis_rtl:" in given["vlnv"] else ip.AXIMM
        name = rest[0].rpartition("/")[2]
        return self.needed().add_boundary(rest[0], ip.Bus(name, given["mode"], kind))

    # Connecting

    def connect_bd_net(self, *arguments: str) -> None:
        _, rest = options(arguments)
        design = self.needed()
        ends = [self._end(name, design.pins, design.ports) for name in self.words(rest)]
        design.connect(ends)

    def connect_bd_intf_net(self, *arguments: str) -> None:
        _, rest = options(arguments)
        design = self.needed()
        names = self.words(rest)
        if len(names) != 2:
            self.session.error(
                "[BD 5-106] Arguments to the connect_bd_intf_net command cannot be empty."
            )
        first, second = (self._end(name, design.buses, design.bus_ports) for name in names)
        design.connect_buses(first, second)

    def _end(self, name: str, pins: dict[str, End], ports: dict[str, End]) -> End:
        full = name if name.startswith("/") else f"/{name}"
        found = pins.get(full) or ports.get(full)
        if found is None:
            self.session.error(f"[BD 5-232] No pin, port or interface '{name}'")
        return found

    def make_external(self, is_bus: bool, groups: tuple[str, ...]) -> str:
        design = self.needed()
        names = self.words(groups)
        ends = design.buses if is_bus else design.pins
        if not names:
            self.session.error("[BD 5-698] No pins to make external")
        return to_tcl([design.make_external(self._end(name, ends, {})) for name in names])

    # Searching

    def search(self, what: str, arguments: tuple[str, ...]) -> str:
        given, rest = options(arguments, "quiet", "hierarchical")
        design = self.needed()
        objects = getattr(design, what)
        if "of" in given or "of_objects" in given:
            of = self.words([given.get("of") or given["of_objects"]])
            found = self.words([self._of(what, of)])
        else:
            found = design.find(objects, self.words(rest)) if rest else list(objects)
        if "filter" in given:
            found = [name for name in found if self._fits(name, given["filter"])]
        if not found and "quiet" not in given:
            words = {"buses": "intf_pins", "bus_ports": "intf_ports"}.get(what, what)
            self.session.say(f"WARNING: [BD 5-235] No {words} matched 'get_bd_{words} {rest}'")
        return to_tcl(found)

    def _fits(self, name: str, condition: str) -> bool:
        """``A == B && (C =~ D* || E != F)``: as much of Vivado's filters as the scripts use."""
        known = _TERM.sub(lambda term: str(self._holds(name, term[0])), condition)
        return bool(eval(known.replace("&&", " and ").replace("||", " or "), {}))

    def _holds(self, name: str, term: str) -> bool:
        found = re.fullmatch(r'\s*([\w.]+)\s*(==|!=|=~)\s*"?([^"]*?)"?\s*', term)
        assert found is not None, term
        value = self.get_property(found[1], name)
        if found[2] == "=~":
            return re.fullmatch(found[3].replace("*", ".*"), value) is not None
        return (value == found[3]) == (found[2] == "==")

    def get_bd_intf_nets(self, *arguments: str) -> str:
        """A net is named by the two ends that it joins."""
        given, _rest = options(arguments, "quiet")
        of = given.get("of") or given.get("of_objects")
        design = self.needed()
        if of is None:
            return to_tcl([_net(net) for net in design.bus_nets])
        end = self._end(of, design.buses, design.bus_ports)
        other = design.other_end(end, lower=given.get("boundary_type") == "lower")
        return "" if other is None else f"net:{end.path}|{other.path}"

    def _of(self, what: str, objects: list[str]) -> str:
        design = self.needed()
        found: list[str] = []
        for name in objects:
            if name.startswith("net:") and what == "buses":
                found += [path for path in name[4:].split("|") if path in design.buses]
            elif what == "buses" and name in design.cells:
                found += [path for path, end in design.buses.items() if end.cell == name]
        return to_tcl(found)

    def get_ipdefs(self, *arguments: str) -> str:
        given, rest = options(arguments, "all", "quiet")
        names = [f"xilinx.com:ip:{name}:{at}" for name, at in ip.VENDOR_VERSIONS.items()]
        wanted = given.get("filter", "")
        by_name = re.search(r"NAME == (\w+)", wanted)
        patterns = rest or [f"*:{by_name[1]}:*" if by_name else "*"]
        found = [
            name
            for name in [*names, *self._catalogue()]
            if any(re.fullmatch(pattern.replace("*", ".*"), name) for pattern in patterns)
        ]
        return found[0] if found else ""

    # Addresses

    def get_bd_addr_segs(self, *arguments: str) -> str:
        _given, rest = options(arguments, "quiet")
        design = self.needed()
        known = dict.fromkeys([*design.slave_segments(), *design.segments])
        names = self.words(rest) or list(known)
        found = [
            segment
            for name in names
            for segment in known
            if re.fullmatch((name if name[0] == "/" else f"/{name}").replace("*", ".*"), segment)
        ]
        if not found:
            self.session.say(f"WARNING: [BD 41-2670] No address segments matched '{rest}'")
        return to_tcl(found)

    def assign_bd_address(self, *arguments: str) -> None:
        given, rest = options(arguments, "force", "verbose")
        design = self.needed()
        segments = self.words(rest)
        if rest and not segments:
            self.session.error("[BD 41-1075] Cannot assign: no address segment is given")
        if not rest:
            design.assign_everything()
        for segment in segments:
            at = int(given["offset"], 0) if "offset" in given else None
            size = int(given["range"], 0) if "range" in given else 65536
            for other, place in design.segments.items():
                if at is not None and other != segment and place["offset"].isdigit():
                    begin, end = int(place["offset"]), int(place["offset"]) + int(place["range"])
                    if at < end and begin < at + size:
                        self.session.error(f"[BD 41-1051] {segment} overlaps with {other}")
            design.segments[segment] = {"offset": str(at), "range": str(size)}
            self.session.say(f"Slave segment '{segment}' is being assigned into address space")

    # The whole design

    def apply_bd_automation(self, *arguments: str) -> None:
        given, rest = options(arguments)
        config = self.vivado.shell.words(given.get("config", "") or given.get("dict", ""))
        settings = dict(zip(config[::2], config[1::2], strict=False))
        design = self.needed()
        rule = given["rule"].rpartition(":")[2]
        if rule in ("processing_system7", "zynq_ultra_ps_e"):
            if self.words(rest)[0] not in design.cells:
                self.session.error(f"[BD 5-232] No cell '{rest[0]}'")
            if rule == "zynq_ultra_ps_e" and settings.get("apply_board_preset") == "1":
                # As the presets of the boards do that FINN knows: its script relies on it.
                self.set_property(self.words(rest)[0], "CONFIG.PSU__USE__M_AXI_GP2", "0")
        elif rule == "axi4":
            ends = [self._end(settings[name], design.buses, {}) for name in ("Master", "Slave")]
            connect_through_smartconnect(design, ends[0], ends[1])
        else:
            self.session.error(f"[BD 41-1270] Unknown automation rule '{given['rule']}'")

    def save_bd_design(self, *_: str) -> None:
        design = self.needed()
        path = self.vivado.needed().design_folder(generated=False) / f"{design.name}.bd"
        path.write_text("{\n" + "\n".join(f'  "{cell}"' for cell in design.cells) + "\n}\n")
        self.session.say(f"Wrote  : <{path}>")

    def validate_bd_design(self, *_: str) -> None:
        self.needed().validate()
        self.session.record("design", **self.needed().facts())

    def clock_mhz(self) -> float:
        """What the design's clock is set to, the Clocking Wizard before the processing system."""
        for setting in _CLOCK_SETTINGS:
            for cell in self.needed().cells.values():
                if setting in cell.settings:
                    return float(cell.settings[setting])
        for end in self.needed().ports.values():
            if "CONFIG.FREQ_HZ" in end.settings:
                return float(end.settings["CONFIG.FREQ_HZ"]) / 1e6
        return _DEFAULT_MHZ

    # Properties

    def set_property(self, name: str, key: str, value: str) -> None:
        design = self.needed()
        if name in design.cells:
            cell = design.cells[name]
            cell.settings[key] = value
            if cell.block is not None:
                block = ip.vendor_block(cell.block.vlnv, cell.settings)
                if block is not None:
                    design.reconfigure(cell, block)
            return
        if key == "name":
            design.rename(name, value)
            return
        if name in design.segments:
            design.segments[name][key] = value
            return
        for ends in (design.ports, design.bus_ports, design.pins, design.buses):
            if name in ends:
                ends[name].settings[key] = value
                return
        self.session.error(f"[Common 17-162] Invalid option value specified for '-objects': {name}")

    def get_property(self, key: str, name: str) -> str:
        if key == "VLNV" and name.count(":") == 3:
            return name
        design = self.needed()
        if name in design.cells:
            cell = design.cells[name]
            return cell.settings.get(key, {"NAME": name.rpartition("/")[2]}.get(key, ""))
        for ends in (design.ports, design.bus_ports, design.pins, design.buses):
            if name in ends:
                return _of_end(ends[name], key)
        self.session.error(f"[Common 17-58] '{name}' is not a valid object")


def _net(net: tuple[End, End]) -> str:
    return f"net:{net[0].path}|{net[1].path}"


def _of_end(end: End, key: str) -> str:
    what = end.what
    if key == "NAME":
        return end.path.rpartition("/")[2]
    if key in end.settings:
        return end.settings[key]
    if isinstance(what, ip.Bus):
        width = "" if what.width is None else str(what.width)
        known = {"MODE": what.mode, "CONFIG.PROTOCOL": what.protocol, "CONFIG.ADDR_WIDTH": width}
        return known.get(key, "")
    return {"DIR": what.direction, "TYPE": what.role}.get(key, "")
