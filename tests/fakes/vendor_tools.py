"""The fake tools of the vendor, installed in a folder of a test and first on its PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FAKES = Path(__file__).resolve().parent / "vendor"
TOOLS = ("vivado", "vitis_hls", "vivado_hls", "vitis-run", "v++")
VIVADO = ("vivado", "vitis_hls")
VITIS = (*VIVADO, "v++")
#: What FINN 1.6 fetches into its dependencies, as far as anybody looks at it.
_BOARDS = {
    "pynq-z1": ("www.digilentinc.com", "pynq-z1"),
    "pynq-z2": ("tul.com.tw", "pynq-z2"),
    "ultra96v2": ("avnet.com", "ultra96v2"),
}
#: Platforms of Alveo cards that are installed with the tools.
PLATFORMS = ("xilinx_u250_gen3x16_xdma_4_1_202210_1", "xilinx_u55c_gen3x16_xdma_3_202210_1")
_LIBRARY_HEADERS = (
    "bnn-library.h weights.hpp activations.hpp mvau.hpp maxpool.h slidingwindow.h dma.h "
    "streamtools.h interpret.hpp mac.hpp utils.hpp vvau.hpp eltwise.hpp pool.hpp"
)


@dataclass(frozen=True)
class ToolsRun:
    """``commands``: each command of the vendor's with its words, as one line."""

    code: int
    output: str
    commands: list[str]


@dataclass(frozen=True)
class VendorTools:
    """``variables``: what to add to an environment so that the tools are found there."""

    root: Path
    variables: dict[str, str]

    @property
    def record_file(self) -> Path:
        return self.root / "record.jsonl"

    @property
    def fault_file(self) -> Path:
        return self.root / "faults.json"

    @property
    def dependencies(self) -> Path:
        """A folder such as FINN keeps what it fetches in: finn-hlslib, board files."""
        return self.root / "finn_deps"

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What the tools recorded, of these kinds (``command``, ``step``, ``design``, …) or all."""
        if not self.record_file.exists():
            return []
        lines = self.record_file.read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if not kinds or event["event"] in kinds]

    def steps(self) -> Counter[tuple[str, str, str]]:
        """How often each step of a tool began: (tool, step, design)."""
        return Counter(
            (event["tool"], event["step"], event["design"]) for event in self.events("step")
        )

    def commands(self, name: str) -> list[list[str]]:
        """The words of every call of a Tcl command."""
        found = [event["command"] for event in self.events("command")]
        return [words for words in found if words[0] == name]

    def run(self, tool: str, *arguments: str, folder: Path, **variables: str) -> ToolsRun:
        """Run a tool in ``folder``, with ``variables`` added; what it was asked in Tcl."""
        before = len(self.events("command"))
        ended = subprocess.run(
            [tool, *arguments],
            cwd=folder,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        commands = [" ".join(event["command"]) for event in self.events("command")[before:]]
        return ToolsRun(ended.returncode, ended.stdout, commands)

    def break_at(self, *faults: dict[str, Any]) -> None:
        """From now on these faults come, counted anew."""
        for counter in self.root.glob("faults.json.*"):
            counter.unlink()
        self.fault_file.write_text(json.dumps(faults))

    def processes(self) -> list[int]:
        """Processes that were started with these tools' variables, and are at work yet."""
        mark = f"FAKE_VENDOR_RECORD={self.record_file}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has gone, or is another user's
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def assert_no_process_is_left(self) -> None:
        """A killed process may take a moment to go."""
        end = time.monotonic() + 5
        while self.processes():
            assert time.monotonic() < end, self.processes()
            time.sleep(0.02)

    def forget(self) -> None:
        """Empty record, no faults."""
        self.record_file.unlink(missing_ok=True)
        self.break_at()


def install(root: Path, tools: Iterable[str] = VIVADO, version: str = "2022.2") -> VendorTools:
    """Install ``tools`` below ``root``, as the vendor does: ``Xilinx/Vivado/2022.2/bin``."""
    bin_folder = root / "Xilinx" / "Vivado" / version / "bin"
    bin_folder.mkdir(parents=True)
    for name in tools:
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nFAKE_VENDOR_FOLDER="$0" exec "{FAKES / name}" "$@"\n')
        script.chmod(0o755)
    _write_dependencies(root / "finn_deps")
    for name in PLATFORMS:
        file = root / "platforms" / name / f"{name}.xpfm"
        file.parent.mkdir(parents=True)
        file.write_text('<?xml version="1.0"?>\n<sdx:platform/>\n')
    variables = {
        "PATH": os.pathsep.join([str(bin_folder), _path_without_tools()]),
        "XILINX_VIVADO": str(bin_folder.parent),
        "FAKE_VENDOR_PYTHON": sys.executable,
        "FAKE_VENDOR_RECORD": str(root / "record.jsonl"),
        "FAKE_VENDOR_FAULTS": str(root / "faults.json"),
        "FAKE_VENDOR_PACE": "0.0001",
        "SPLIT_DSE_LICENCE_WAIT": "0.05",
        "FINN_DEPS": str(root / "finn_deps"),
        "PLATFORM_REPO_PATHS": str(root / "platforms"),
    }
    return VendorTools(root, variables)


@pytest.fixture
def vendor_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VendorTools:
    """Fake vivado and vitis_hls of 2022.2, first on PATH."""
    installed = install(tmp_path / "vendor")
    for name, value in installed.variables.items():
        monkeypatch.setenv(name, value)
    return installed


def _path_without_tools() -> str:
    """PATH without folders in which a tool of the vendor's really lies."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(
        folder for folder in folders if not any((Path(folder) / tool).exists() for tool in TOOLS)
    )


def _write_dependencies(folder: Path) -> None:
    for library in ("finn-hlslib", "attention-hlslib"):
        (folder / library).mkdir(parents=True)
    for header in _LIBRARY_HEADERS.split():
        (folder / "finn-hlslib" / header).write_text("#pragma once\n")
    for name, (vendor, board) in _BOARDS.items():
        path = folder / "board_files" / name / "A.0" / "board.xml"
        path.parent.mkdir(parents=True)
        path.write_text(f'<?xml version="1.0"?>\n<board vendor="{vendor}" name="{board}"/>\n')
