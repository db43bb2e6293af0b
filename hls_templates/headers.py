"""Where finn-hlslib and the headers of arbitrary-precision integers are on this computer."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dse.errors import InputError

#: Environment variable that names a checkout of finn-hlslib.
HLSLIB_VARIABLE = "FINN_HLSLIB"
#: Environment variable that names the folder of ap_int.h and hls_stream.h.
AP_TYPES_VARIABLE = "HLS_AP_TYPES"
#: Variables of the vendor's own set-up scripts: the folder of Vitis HLS, and that of Vivado.
_TOOL_VARIABLES = ("XILINX_HLS", "XILINX_VIVADO")
#: Inside the package hls4ml.
_HLS4ML_TYPES = Path("templates") / "vivado" / "ap_types"
_SUFFIXES = (".h", ".hpp")


@dataclass(frozen=True)
class HeaderFolder:
    """A folder that goes on the include path, and the sha256 of all headers in it."""

    path: Path
    sha256: str


def find_hlslib(named: Path | None = None) -> HeaderFolder:
    """The checkout that ``named`` or FINN_HLSLIB names, or the one of ``finn deps update``.

    InputError where there is none, or what is named is none.
    """
    if named is None and os.environ.get(HLSLIB_VARIABLE):
        named = Path(os.environ[HLSLIB_VARIABLE])
    if named is not None:
        if not (named / "bnn-library.h").is_file():
            raise InputError(
                "is no checkout of finn-hlslib: there is no bnn-library.h in it", where=named
            )
        return _folder(named, recursive=False)
    updated = finn_dependencies() / "finn-hlslib"
    if not (updated / "bnn-library.h").is_file():
        raise InputError(
            "finn-hlslib was not found",
            expected=f"--hlslib or {HLSLIB_VARIABLE} naming a checkout of Xilinx/finn-hlslib, or "
            "what `finn deps update` fetches",
        )
    return _folder(updated, recursive=False)


def find_ap_types(named: Path | None = None) -> HeaderFolder:
    """The folder with ap_int.h and hls_stream.h.

    What ``named`` or HLS_AP_TYPES names, else Vitis' or Vivado's own, else hls4ml's.

    InputError where there is none, or what is named is none.
    """
    if named is None and os.environ.get(AP_TYPES_VARIABLE):
        named = Path(os.environ[AP_TYPES_VARIABLE])
    if named is not None:
        if not _has_types(named):
            raise InputError("holds no ap_int.h and hls_stream.h", where=named)
        return _folder(named, recursive=True)
    tools = [os.environ.get(variable) for variable in _TOOL_VARIABLES]
    candidates = [Path(tool) / "include" for tool in tools if tool]
    spec = find_spec("hls4ml")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        candidates.append(Path(place) / _HLS4ML_TYPES)
    for candidate in candidates:
        if _has_types(candidate):
            return _folder(candidate, recursive=True)
    raise InputError(
        "the headers ap_int.h and hls_stream.h were not found",
        expected=f"--ap-types or {AP_TYPES_VARIABLE} naming their folder, "
        f"{' or '.join(_TOOL_VARIABLES)} naming an installed tool, or the package hls4ml "
        "(pip install --no-deps hls4ml)",
    )


def _has_types(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("ap_int.h", "hls_stream.h"))


def _folder(path: Path, *, recursive: bool) -> HeaderFolder:
    """``recursive``: whether headers below ``path`` count; finn-hlslib has its own tests there."""
    digest = hashlib.sha256()
    found = path.rglob("*") if recursive else path.iterdir()
    try:
        for file in sorted(file for file in found if file.suffix in _SUFFIXES):
            digest.update(f"{file.relative_to(path)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=path) from error
    return HeaderFolder(path.absolute(), digest.hexdigest())


def finn_dependencies() -> Path:
    """Where ``finn deps update`` puts what it fetches."""
    from finn.interface.settings import FINNSettings

    settings = FINNSettings.init(flow_config=Path("none.yaml"), auto_set_environment_vars=False)
    return Path(settings.finn_deps)
