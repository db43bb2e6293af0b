"""FINN within one build: its settings, its folders, what it prints, and how it starts tools."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import BuildError, DseError
from finn_flows.dataflow import quiet_finn
from finn_flows.vivado.installation import VivadoInstallation

if TYPE_CHECKING:
    from finn.interface.settings import FINNSettings

#: Modules of FINN that have imported the function with which it starts a tool.
_STITCHING = "finn.transformation.fpgadataflow.create_stitched_ip"
_LAUNCHERS = (
    "finn.util.hls",
    _STITCHING,
    "finn.transformation.fpgadataflow.make_zynq_proj",
    "finn.transformation.fpgadataflow.build_xo",
)
#: What runs a command in a folder, or raises.
CallTool = Callable[[Sequence[str], Path], None]


@dataclass(frozen=True)
class FinnTools:
    """The vendor's tools for FINN: ``call`` runs a command in a folder, or raises."""

    installation: VivadoInstallation
    call: CallTool


def finn_settings(folder: Path, jobs: int) -> FINNSettings:
    """FINN's settings as the user's file and environment have them, building into ``folder``.

    ``jobs``: how many runs of Vivado's at a time FINN asks for. Sets no environment variable.
    """
    from finn.interface.settings import FINNSettings

    settings = FINNSettings.init(
        flow_config=folder / "flow.yaml",
        finn_build_dir=str(folder),
        auto_set_environment_vars=False,
    )
    settings.num_default_workers = jobs
    return settings


def tool_environment() -> dict[str, str]:
    """The variables that FINN's Tcl reads: where its libraries of RTL and of HLS lie."""
    from finn.interface.interface_utils import resolve_module_path

    return {
        "FINN_RTLLIB": resolve_module_path("finn-rtllib"),
        "FINN_CUSTOM_HLS": resolve_module_path("custom_hls"),
    }


@contextmanager
def finn_session(
    folder: Path,
    *,
    jobs: int = 1,
    log: Path | None = None,
    tools: FinnTools | None = None,
) -> Iterator[None]:
    """Within: FINN builds into the existing ``folder`` and starts tools through ``tools`` alone.

    What it prints goes to the end of ``log``, or nowhere. Without ``tools`` it may start none. One
    at a time in a process. Whatever FINN raises that is no error of ours comes out as a BuildError.
    """
    from finn.util import settings as finn_settings_module

    with ExitStack() as stack:
        said = stack.enter_context((log or Path(os.devnull)).open("a"))
        stack.enter_context(redirect_stdout(said))
        stack.enter_context(redirect_stderr(said))
        stack.enter_context(quiet_finn())
        stack.enter_context(_environment(tool_environment()))
        stack.enter_context(
            replaced(finn_settings_module, "_SETTINGS", finn_settings(folder, jobs))
        )
        if tools is not None:
            stack.enter_context(_installed(tools.installation))
        launcher = _launcher(_no_tool if tools is None else tools.call)
        for name in _LAUNCHERS:
            stack.enter_context(replaced(import_module(name), "launch_process_helper", launcher))
        # A tool has ended when its call returns: FINN would wait for what it did not leave.
        stitching = import_module(_STITCHING)
        stack.enter_context(replaced(stitching, "wait_for_file", lambda path, **_: path.is_file()))
        try:
            yield
        except (DseError, OSError, MemoryError):
            raise
        except Exception as error:  # FINN raises whatever it meets, AssertionError included
            message = str(error) or "without a message"
            raise BuildError(f"FINN: {type(error).__name__}: {message}") from error


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Within: the attribute ``name`` of ``owner`` is ``value``. AttributeError if it has none."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@dataclass(frozen=True)
class ToolScript:
    """What a shell script of FINN's does: ``command`` in ``directory``."""

    command: tuple[str, ...]
    directory: Path


def read_tool_script(script: Path) -> ToolScript:
    """The one command in a shell script of FINN's, and the folder it changes to before.

    FINN's scripts go on after the command and so end well whatever becomes of it. BuildError for a
    script of another form.
    """
    lines = [
        line.strip()
        for line in script.read_text().splitlines()
        if line.strip() and not line.startswith("#") and line.strip() != "set -e"
    ]
    there, *commands, _back = lines if len(lines) > 2 else ("", "")
    if not there.startswith("cd ") or len(commands) != 1:
        raise BuildError("FINN's script is not of the known form", where=script)
    return ToolScript(tuple(shlex.split(commands[0])), Path(there.removeprefix("cd ")))


def _launcher(call: CallTool) -> Callable[..., tuple[str, str]]:
    def launch(arguments: Sequence[object], *_: object, **__: object) -> tuple[str, str]:
        words = [str(argument) for argument in arguments]
        if len(words) != 2 or words[0] != "bash":
            raise BuildError(f"FINN starts a tool in an unknown way: {' '.join(words)}")
        script = read_tool_script(Path(words[1]))
        call(script.command, script.directory)
        return "", ""

    return launch


@contextmanager
def _installed(installation: VivadoInstallation) -> Iterator[None]:
    """Within: FINN finds that Vivado, and takes it for the release it is.

    By itself it reads the release out of a folder's name, which need not have one.
    """
    from finn.util import hls

    folders = os.environ.get("PATH", "").split(os.pathsep)
    path = os.pathsep.join(dict.fromkeys([*folders, *map(str, installation.tool_folders())]))
    with (
        _environment({"XILINX_VIVADO": str(installation.root), "PATH": path}),
        replaced(hls, "get_vivado_version", lambda: installation.number),
    ):
        yield


def _no_tool(command: Sequence[str], _directory: Path) -> None:
    raise BuildError(f"FINN starts {command[0]} in a step that needs no tool")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
