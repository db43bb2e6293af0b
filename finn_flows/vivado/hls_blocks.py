"""HLS of one node at a time, kept by content: parts that share a layer share its block."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from finn_flows.cache_directory import cache_directory
from finn_flows.vendor.failure import ToolError
from finn_flows.vendor.kept_folders import KeptFolders
from finn_flows.vivado.copied_folder import copy_folder

if TYPE_CHECKING:
    import onnx

#: Of what FINN writes for a node, what HLS reads (the weights of a memory beside it are not).
_HLS_SUFFIXES = (".cpp", ".h", ".hpp", ".tcl")
_SECONDS = "seconds.json"
#: What HLS printed, beside a node's code.
HLS_LOG = "hls.log"
#: What runs HLS of ``node``, whose code is in ``folder``, there; the wall time in seconds.
RunHls = Callable[["onnx.NodeProto", Path], float]


def hls_key(node: onnx.NodeProto, device: str, tool_version: str) -> str:
    """Content address of the block that HLS makes of ``node``, whose code FINN has written.

    Over the code with the folders in it left out, FINN's libraries of HLS, and the tool. FINN's
    session must be open.
    """
    from finn.util.settings import get_settings

    settings = get_settings()
    code, libraries = code_folder(node), (settings.finn_deps, Path(settings.finn_custom_hls))
    facts = [device, tool_version, *(_library(folder) for folder in _hls_libraries())]
    for file in _hls_files(code):
        text = file.read_text().replace(str(code), "$CODE")
        for folder in libraries:
            text = text.replace(str(folder), "$LIBRARY")
        facts += [file.name, text]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def hls_block(node: onnx.NodeProto, key: str, run: RunHls) -> float:
    """Put the block of ``node`` beside its code, made now if no build has made it before.

    Sets the node's attributes as FINN's HLSSynthIP does. Returns what HLS took in seconds, whoever
    ran it. Raises what ``run`` raises; a ToolError then names its log, in the cache folder beside
    the blocks, where it stays until the next try.
    """
    from qonnx.custom_op.registry import getCustomOp

    code = code_folder(node)
    root = cache_directory("hls-ip")
    log = root / f"{key}.log"
    kept = KeptFolders(root).get(key, lambda folder: _make(node, folder, run, log))
    project = _project(code, node)
    shutil.rmtree(project, ignore_errors=True)
    copy_folder(_project(kept, node), project)
    block = project / _BLOCK
    custom = getCustomOp(node)
    custom.set_nodeattr("ipgen_path", str(project))
    custom.set_nodeattr("ip_path", str(block))
    custom.set_nodeattr("ip_vlnv", f"xilinx.com:hls:{node.name}:1.0")
    shutil.copyfile(kept / HLS_LOG, code / HLS_LOG)
    return float(json.loads((kept / _SECONDS).read_text()))


def hls_makes(node: onnx.NodeProto, folder: Path) -> tuple[Path, ...]:
    """What HLS of ``node`` must leave in ``folder``."""
    return (_project(folder, node) / _BLOCK / "component.xml",)


def code_folder(node: onnx.NodeProto) -> Path:
    """Where FINN has written the code of ``node``."""
    from qonnx.custom_op.registry import getCustomOp

    return Path(getCustomOp(node).get_nodeattr("code_gen_dir_ipgen"))


#: Where HLS puts the packaged block, in its project.
_BLOCK, _REPORTS = Path("sol1/impl/ip"), Path("sol1/syn/report")


def _project(folder: Path, node: onnx.NodeProto) -> Path:
    return folder / f"project_{node.name}"


def _make(node: onnx.NodeProto, folder: Path, run: RunHls, failed_log: Path) -> None:
    """Copy the code of ``node`` into ``folder`` and run HLS there; leave the block and reports.

    What HLS printed when it failed goes to ``failed_log``: ``folder`` does not last.
    """
    code = code_folder(node)
    for file in _hls_files(code):
        (folder / file.name).write_text(file.read_text().replace(str(code), str(folder)))
    try:
        seconds = run(node, folder)
    except ToolError as error:
        raise _with_log(error, folder, failed_log) from error.__cause__
    failed_log.unlink(missing_ok=True)
    (folder / _SECONDS).write_text(json.dumps(seconds))
    _leave_only(folder / f"project_{node.name}", (_BLOCK, _REPORTS))


def _with_log(error: ToolError, folder: Path, log: Path) -> ToolError:
    """``error`` with its log at ``log``, which is moved there, and no word of ``folder``."""
    place: Path | None = log
    try:
        (folder / HLS_LOG).replace(log)
    except OSError:  # nothing was printed yet
        place = None
    reason = error.reason.replace(f"{folder}/", "").replace(str(folder), "its folder")
    moved = ToolError(error.step, error.kind, reason, log=place, excess=error.excess)
    for note in getattr(error, "__notes__", ()):
        moved.add_note(note)
    return moved


def _leave_only(project: Path, kept: Sequence[Path]) -> None:
    """Remove what is not below ``kept``: a project has a hundred times what is used of it."""
    for folder, folders, files in os.walk(project, topdown=False):
        inside = Path(folder).relative_to(project)
        if any(inside.is_relative_to(path) for path in kept):
            continue
        for name in files:
            (Path(folder) / name).unlink()
        for name in folders:
            with suppress(OSError):  # something that is kept is below it
                (Path(folder) / name).rmdir()


def _hls_files(code: Path) -> list[Path]:
    return sorted(file for file in code.iterdir() if file.suffix in _HLS_SUFFIXES)


def _hls_libraries() -> Iterable[Path]:
    from finn.util.settings import get_settings

    settings = get_settings()
    return settings.finn_deps / "finn-hlslib", Path(settings.finn_custom_hls)


@lru_cache(maxsize=16)
def _library(folder: Path) -> str:
    """Hash of the headers in a library of HLS (some twenty small files)."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*")):
        if file.suffix in _HLS_SUFFIXES:
            digest.update(f"{file.name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
