"""Which of the vendor's tools are installed here, where, and which release."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from dse.errors import InputError

#: FINN's own variable (finn.util.basic.resolve_xilinx_tool): a folder that has all tools.
TOOL_FOLDER_VARIABLE = "FINN_TOOL_DIR_OVERRIDE"
#: What the vendor's settings64.sh sets, per tool: the folder above ``bin``.
_INSTALLATION_VARIABLES = {
    "vivado": ("XILINX_VIVADO",),
    "vivado_hls": ("XILINX_VIVADO", "XILINX_HLS"),
    "vitis_hls": ("XILINX_HLS", "XILINX_VITIS"),
    "vitis-run": ("XILINX_VITIS", "XILINX_HLS"),
    "v++": ("XILINX_VITIS",),
}
#: Tools that run HLS scripts, the newest first: vitis-run from 2025.1, vivado_hls until 2020.1.
HLS_TOOLS = ("vitis_hls", "vitis-run", "vivado_hls")
#: As in a folder, and as the tool says it: ``Vivado v2022.2 (64-bit)``.
#: ``vivado -version`` says ``v2022.2``: no edge of a word before the number.
_RELEASE = re.compile(r"(?<![\d.])(20\d\d\.\d)(?!\d)")
_VERSION_SECONDS = 60.0


def find_tool(name: str) -> Path | None:
    """Where ``name`` is: in FINN's folder of tools, on PATH, or by the vendor's variables."""
    folder = os.environ.get(TOOL_FOLDER_VARIABLE)
    if folder:
        return _executable(Path(folder) / name)  # as FINN does: nothing else then
    found = shutil.which(name)
    if found:
        return Path(found)
    for variable in _INSTALLATION_VARIABLES.get(name, ()):
        root = os.environ.get(variable)
        if root and (path := _executable(Path(root) / "bin" / name)):
            return path
    return None


def tool_version(name: str) -> str | None:
    """Its release, ``2022.2``: by the folder it is installed in, else by asking it (which takes
    seconds, once a process). None if it is not installed or does not say."""
    path = find_tool(name)
    return None if path is None else _version_of(path)


def find_hls_tool() -> str | None:
    """The name of the newest tool here that runs scripts of HLS, None without any."""
    return next((name for name in HLS_TOOLS if find_tool(name)), None)


def require(tools: Iterable[str], *, instead: Sequence[str] = ()) -> None:
    """InputError, one line, if some of ``tools`` are not installed. ``a|b``: either will do.

    ``instead``: what would work without them, for the same line.
    """
    missing = [
        " or ".join(alternatives)
        for alternatives in (tool.split("|") for tool in tools)
        if not any(find_tool(name) for name in alternatives)
    ]
    if missing:
        names = ", ".join(missing)
        raise InputError(
            f"not installed here: {names}",
            expected=f"{names} on PATH (source settings64.sh of Vivado and Vitis)",
            choices=instead or None,
        )


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


@lru_cache(maxsize=16)
def _version_of(path: Path) -> str | None:
    for place in (path, path.resolve()):
        releases = _RELEASE.findall(str(place))
        if releases:
            return str(releases[-1])
    try:
        said = subprocess.run(
            [str(path), "-version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _RELEASE.search(said)
    return found[1] if found else None
