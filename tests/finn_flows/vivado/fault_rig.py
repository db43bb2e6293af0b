"""Builds by the vivado backend in processes of their own, which can be killed; what became of them.

The processes are forks, so that FINN is imported once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from finn_flows.backends.interface import Part
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.cut import Cut
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import ToolError
from finn_flows.vivado.board import find_board
from reports.sweep_record import PartName
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VendorTools

#: For one run of a fake; a run takes a tenth of a second.
LIMITS = Limits(seconds=60.0)
_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True)
class Outcome:
    """``state``: ``built``, ``failed`` (an error of the kind ``kind``), ``killed``, ``broken``."""

    state: str
    kind: str = ""
    text: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def misses(self) -> list[str]:
        return list(self.result["misses"])


class Driver:
    """A process that builds ``part`` once."""

    def __init__(self, rig: FaultRig, number: int, limits: Limits) -> None:
        self._answer = rig.root / f"answer{number}.json"
        self._answer.unlink(missing_ok=True)
        out = rig.root / f"out{number}"
        shutil.rmtree(out, ignore_errors=True)
        self.pid = os.fork()
        if self.pid:
            return
        answer: dict[str, Any] = {"state": "broken", "text": "no answer"}
        try:
            out.mkdir()
            answer = _build(rig, out, limits)
        except BaseException:
            answer = {"state": "broken", "text": traceback.format_exc()}
        finally:
            self._answer.write_text(json.dumps(answer))
            os._exit(0)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def outcome(self) -> Outcome:
        """Once the process has ended."""
        end = time.monotonic() + _DEADLINE_SECONDS
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            assert time.monotonic() < end, "a build does not end"
            time.sleep(0.005)
        if not self._answer.exists():
            return Outcome("killed")
        return Outcome(**json.loads(self._answer.read_text()))


class FaultRig:
    """One part, fakes of the tools, and a cache below ``root`` that SPLIT_DSE_CACHE must name."""

    def __init__(self, root: Path, tools: VendorTools) -> None:
        self.root, self.tools = root, tools
        self.board = find_board("Pynq-Z1")
        network = small_network()
        self.part = Part(
            network, PartName.FIRST, Cut(0), small_folding(), self.board.part, clock_mhz=100.0
        )

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def empty_cache(self) -> None:
        """But for the folder itself, on which a small disk may be mounted."""
        self.cache.mkdir(exist_ok=True)
        for path in self.cache.iterdir():
            shutil.rmtree(path)

    def backend(self, limits: Limits = LIMITS) -> VivadoBackend:
        return VivadoBackend(board=self.board, limits=limits, jobs=1, measure_fifos=False)

    def start(self, number: int = 0, limits: Limits = LIMITS) -> Driver:
        return Driver(self, number, limits)

    def run(self, limits: Limits = LIMITS) -> Outcome:
        outcome = self.start(limits=limits).outcome()
        self.tools.assert_no_process_is_left()
        return outcome

    def finished(self) -> set[tuple[str, str, str]]:
        """What is kept and must not be done again, as the tools' steps (tool, step, design)."""
        found = set()
        for folder in self.cache.glob("hls-ip/*/project_*"):
            if not folder.parent.name.startswith("."):
                found.add(("vitis_hls", "csynth", folder.name.removeprefix("project_")))
        for file in self.cache.glob("vivado/*/.steps/*.json"):
            name = json.loads(file.read_text())["name"]
            if name.startswith("stitch "):
                found.add(("vivado", "package", name.removeprefix("stitch ")))
            elif name in ("synthesis", "bitstream"):
                found.add(("vivado", name, "top"))
            elif name == "implementation":
                found |= {("vivado", step, "top") for step in ("placement", "routing")}
            elif name in ("reports", "result"):
                found.add(("vivado", "report", "top"))
        return found

    def check_that_it_goes_on(self) -> Outcome:
        """Without faults the part is built, and of what is kept nothing is done again."""
        kept = self.finished()
        self.tools.forget()
        outcome = self.run()
        assert outcome.state == "built", outcome.text
        again = kept & set(self.tools.steps())
        assert not again, f"done again: {again}"
        twice = {step: n for step, n in self.tools.steps().items() if _is_once(step) and n > 1}
        assert not twice, twice
        return outcome


def _is_once(step: tuple[str, str, str]) -> bool:
    return step[1] in ("csynth", "package", "synthesis", "placement", "routing", "bitstream")


def _build(rig: FaultRig, out: Path, limits: Limits) -> dict[str, Any]:
    try:
        result = rig.backend(limits).build(rig.part, out)
    except ToolError as error:
        text = str(error)
        assert "\n" not in text
        return {"state": "failed", "kind": error.kind.value, "text": text}
    except Exception as error:
        causes = "; ".join(str(cause) for cause in _causes(error))
        return {"state": "failed", "kind": type(error).__name__, "text": causes}
    assert result.implementation is not None
    return {
        "state": "built",
        "result": {
            "source": result.source,
            "counts": asdict(result.utilization) if result.utilization else None,
            "misses": result.implementation.misses,
            # Logs of tries that failed are kept, too.
            "files": sorted(
                str(path.relative_to(out))
                for path in out.rglob("*")
                if path.is_file() and path.parent.name != "logs"
            ),
        },
    }


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
