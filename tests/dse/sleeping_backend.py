"""A backend for tests of the sweep driver: takes a while, and fails on request.

What it does is decided by files in a folder named by the environment variable
``SLEEPING_BACKEND_ORDERS`` (worker processes inherit it); ``orders/<part>`` holds one word, where
``<part>`` is e.g. ``whole`` or ``2-first``. Every build appends a line to ``orders/builds``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from dse.errors import BuildError
from finn_flows.backends.interface import BuildResult, Part
from reports.sweep_record import LayerRecord
from reports.utilization import Scope, Source, Stage, Utilization

ARTEFACT_BYTES = 20_000


def part_slug(part: Part) -> str:
    """``whole``, ``2-first``, ``1-after-second``."""
    if part.cut is None:
        return "whole"
    side = "-after" if part.cut.pool == "after" else ""
    return f"{part.cut.layer}{side}-{part.name.value}"


@dataclass
class SleepingBackend:
    """Numbers follow from the part alone, so that two builds of it agree."""

    name: str = "sleeping"
    source: Source = Source.FINN_ESTIMATE
    depends_on_clock: bool = True

    def tool_versions(self) -> dict[str, str]:
        return {"sleeping": os.environ.get("SLEEPING_BACKEND_VERSION", "1")}

    def build(self, part: Part, directory: Path) -> BuildResult:
        orders = Path(os.environ["SLEEPING_BACKEND_ORDERS"])
        slug = part_slug(part)
        with (orders / "builds").open("a") as log:
            log.write(f"{slug} {os.getpid()}\n")
        order_file = orders / slug
        order = order_file.read_text().strip() if order_file.exists() else ""
        print(f"building {slug}")
        if order == "error":
            raise BuildError("conv0 cannot be\nbuilt", where="somewhere")
        if order == "bug":
            raise ZeroDivisionError("a bug in a backend")
        if order == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "exit":
            os._exit(7)
        if order == "hang":
            subprocess.run(["sleep", "1000"], check=True)
        if order == "nonsense":
            return _result(part, directory, lut=float("nan"))
        if order == "big":
            (directory / "big").write_bytes(bytes(50_000_000))
        time.sleep(float(os.environ.get("SLEEPING_BACKEND_SECONDS", "0")))
        return _result(part, directory, lut=float(len(slug)))


def _result(part: Part, directory: Path, lut: float) -> BuildResult:
    # In small pieces, so that a kill may come in between.
    path = directory / "artefact.bin"
    with path.open("wb") as file:
        for _ in range(10):
            file.write(bytes(ARTEFACT_BYTES // 10))
            file.flush()
    usage = Utilization(part.device, "sleeping", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, lut=lut)
    layers = tuple(
        LayerRecord(part.network.label(i), part.network.label(i), usage, 100 + i)
        for i in range(len(part.network.layers))
    )
    return BuildResult(usage, 1000 + len(layers), "conv0", layers, {"artefact": path})
