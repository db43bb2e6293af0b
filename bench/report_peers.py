"""Other readers of these reports, asked the same questions as ours.

Each takes a report and its kind and answers with fields under the names of the index, as far as the
peer reads such a report at all. The translation is ours, and generous: whatever the peer returns
somewhere counts, also where a user would have to know which table to look into. An error of the
peer is left to the caller.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import tempfile
import types
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Reader = Callable[[Path, str], dict[str, Any]]

_LOGIC = ("Slice Logic", "CLB Logic")
_MEMORY = ("Memory", "BLOCKRAM")
_DSP = ("DSP", "ARITHMETIC")
#: Row, column and field of the flat tables.
_FLAT = (
    (_LOGIC, ("Slice LUTs", "CLB LUTs"), "lut"),
    (_LOGIC, ("LUT as Memory",), "lutmem"),
    (_LOGIC, ("Slice Registers", "CLB Registers"), "ff"),
    (_MEMORY, ("Block RAM Tile",), "bram_tile"),
    (_MEMORY, ("URAM",), "uram"),
    (_DSP, ("DSPs",), "dsp"),
)


def peers() -> dict[str, tuple[str, Reader | None]]:
    """By name: version and reader, None for a peer that is not installed."""
    readers: dict[str, Callable[[], Reader]] = {
        "vivado-report-parser": _vivado_report_parser,
        "edalize": _edalize,
        "hls4ml": _hls4ml,
        "siliconcompiler": _siliconcompiler,
    }
    found: dict[str, tuple[str, Reader | None]] = {}
    for name, make in readers.items():
        try:
            found[name] = version(name), make()
        except PackageNotFoundError:
            found[name] = "not installed", None
        except ImportError as error:
            found[name] = f"not complete: {error}", None
    return found


def _from_flat_rows(tables: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for titles, names, field in _FLAT:
        for title in titles:
            for row in tables.get(title, []):
                if str(row.get("Site Type", "")).strip().rstrip("*") in names:
                    fields[f"{field}_used"] = row.get("Used")
                    available = "bram_avail" if field == "bram_tile" else f"{field}_avail"
                    fields[available] = row.get("Available")
    return fields


def _from_hierarchy(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        "lut_used": row.get("Total LUTs"),
        "ff_used": row.get("FFs"),
        "bram18_used": row.get("RAMB18"),
        "dsp_used": row.get("DSP48 Blocks"),
        "uram_used": row.get("URAM"),
    }
    with contextlib.suppress(TypeError, ValueError):
        fields["lutmem_used"] = int(row["LUTRAMs"]) + int(row["SRLs"])
        fields["bram_tile_used"] = int(row["RAMB36"]) + int(row["RAMB18"]) / 2
    return fields


def _vivado_report_parser() -> Reader:
    from vivado_report_parser import parse_metadata, parse_vivado_report

    def read(path: Path, kind: str) -> dict[str, Any]:
        text = path.read_text()
        about = parse_metadata(text)
        match = re.search(r"v\.(\S+)", about["Tool Version"])
        fields = {
            "version": match and match[1],
            "device": about.get("Device"),
            "state": about.get("Design State"),
        }
        with contextlib.suppress(NotImplementedError):
            tables = parse_vivado_report(text)
            fields |= _from_flat_rows(tables)
            for row in tables.get("Utilization by Hierarchy", [])[:1]:
                fields |= _from_hierarchy(row)
            if kind == "power":
                fields["power_w"] = tables["Summary"].get("Total On-Chip Power (W)")
        return fields

    return read


def _edalize() -> Reader:
    from edalize.vivado_reporting import VivadoReporting

    def read(path: Path, kind: str) -> dict[str, Any]:
        if kind in ("util", "util_hier"):
            tables = {
                title: frame.to_dict("records")
                for title, frame in VivadoReporting.report_resources(str(path)).items()
            }
            fields = _from_flat_rows(tables)
            for row in tables.get("Utilization by Hierarchy", [])[:1]:
                fields |= _from_hierarchy(row)
            return fields
        if kind == "timing":
            row = VivadoReporting.report_timing(str(path))["Design Timing Summary"].iloc[0]
            return {name: row[f"{name.upper()}(ns)"] for name in ("wns", "tns", "whs", "ths")}
        return {}

    return read


def _hls4ml() -> Reader:
    # Its package imports a machine learning stack; the reader is one file of it.
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        raise ImportError("hls4ml")
    file = Path(spec.origin).parent / "report" / "vivado_report.py"
    module_spec = importlib.util.spec_from_file_location("hls4ml_vivado_report", file)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)

    def read(path: Path, kind: str) -> dict[str, Any]:
        with _hls4ml_project() as project, contextlib.redirect_stdout(None):
            places = {
                "hls": project / "top_prj/solution1/syn/report/top_csynth.xml",
                "util": project / "vivado_synth.rpt",
                "util_hier": project / "util.rpt",
                "timing": project
                / "top_vivado_accelerator/project_1.runs/impl_1"
                / "design_1_wrapper_timing_summary_routed.rpt",
            }
            if kind not in places or (kind == "hls" and path.suffix != ".xml"):
                return {}
            places[kind].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, places[kind])
            if kind == "util_hier":
                # Read only beside a report of a cosimulation.
                cosim = project / "top_prj/solution1/sim/report/top_cosim.rpt"
                cosim.parent.mkdir(parents=True)
                cosim.write_text("| Verilog| Pass| 1| 1| 1| 1| 1| 1|\n")
            report = module.parse_vivado_report(str(project))
        if kind == "hls":
            read = report["CSynthesisReport"]
            return {
                "lut_used": read.get("LUT"),
                "ff_used": read.get("FF"),
                "dsp_used": read.get("DSP"),
                "uram_used": read.get("URAM"),
                "bram18_used": read.get("BRAM_18K"),
                "hls_latency_worst": read.get("WorstLatency"),
                "hls_est_clk": read.get("EstimatedClockPeriod"),
            }
        if kind == "util":
            read = report["VivadoSynthReport"]
            # Named BRAM_18K, but these are the tiles; counted as right all the same.
            names = {"LUT": "lut", "FF": "ff", "BRAM_18K": "bram_tile", "URAM": "uram"}
            names["DSP48E"] = "dsp"
            return {f"{field}_used": read.get(name) for name, field in names.items()}
        if kind == "timing":
            read = report["TimingReport"]
            return {name: read[name.upper()] for name in ("wns", "tns", "whs", "ths")}
        read = report["ImplementationReport"]
        return {
            "lut_used": read.get("TotLUTs"),
            "lutmem_used": read["LUTRAMs"] + read["SRLs"],
            "ff_used": read.get("FFs"),
            "bram18_used": read.get("RAMB18s"),
            "bram_tile_used": read["RAMB36s"] + read["RAMB18s"] / 2,
            "dsp_used": read.get("DSPs"),
            "uram_used": read.get("URAMs"),
        }

    return read


@contextlib.contextmanager
def _hls4ml_project() -> Iterator[Path]:
    """A folder as hls4ml leaves it, without reports."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / "project.tcl").write_text('set project_name "top"\nset backend "vivado"\n')
        solution = project / "top_prj" / "solution1"
        solution.mkdir(parents=True)
        (project / "top_prj" / "hls.app").write_text(
            '<project><solutions><solution name="solution1"/></solutions></project>'
        )
        yield project


def _siliconcompiler() -> Reader:
    from siliconcompiler.tools.vivado import VivadoTask

    def read(path: Path, kind: str) -> dict[str, Any]:
        if kind != "util":
            return {}
        found: dict[str, Any] = {}
        task = types.SimpleNamespace(
            record_metric=lambda name, value, *_, **__: found.setdefault(name, value)
        )
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "reports" / "total_utilization.rpt"
            report.parent.mkdir()
            shutil.copy(path, report)
            try:
                os.chdir(folder)
                VivadoTask._parse_utilization(task)
            finally:
                os.chdir(here)
        names = {"luts": "lut", "registers": "ff", "brams": "bram_tile", "dsps": "dsp"}
        return {f"{field}_used": found.get(name) for name, field in names.items()}

    return read
