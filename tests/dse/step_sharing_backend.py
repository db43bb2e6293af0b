"""A sleeping backend whose parts share a step for each layer, with a cache of its own.

Files in ``SLEEPING_BACKEND_ORDERS`` decide: ``step-<layer>`` and ``plan`` hold one word. Every step
that does any work appends a line to ``orders/steps``; a part is built only if the results of all
its layers are in ``orders/cache``, or if the plan failed.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dse.errors import BuildError
from finn_flows.backends.interface import BuildResult, Part, SharedStep
from tests.dse.sleeping_backend import SleepingBackend


@dataclass
class StepSharingSleeper(SleepingBackend):
    """A step for each layer of the whole network, the last layer's first."""

    name: str = "sharing"

    def shared_steps(self, points: Sequence[Part]) -> Sequence[SharedStep]:
        print("planning")
        word = _order("plan")
        if word == "bug":
            raise ZeroDivisionError("a bug in a plan")
        if word == "unsendable":
            return [SharedStep("x", "0" * 64, lambda: None, (), frozenset())]
        labels = layers_of(points[0].whole)
        return [
            SharedStep(
                f"layer {label}",
                hashlib.sha256(label.encode()).hexdigest(),
                do_step,
                (label,),
                frozenset(i for i, part in enumerate(points) if label in layers_of(part.network)),
            )
            for label in reversed(labels)
        ]

    def build(self, part: Part, directory: Path) -> BuildResult:
        for label in layers_of(part.network):
            if not (_cache() / label).exists() and not _order("plan"):
                raise AssertionError(f"{part} was built without {label}")
        return super().build(part, directory)


def layers_of(network: object) -> list[str]:
    """``conv0``, ``pool0``, ..."""
    return [network.label(i) for i in range(len(network.layers))]  # type: ignore[attr-defined]


def do_step(label: str) -> None:
    """What a worker does for a layer."""
    done = _cache() / label
    if done.exists():
        return
    with (_orders() / "steps").open("a") as log:
        log.write(f"{label} {os.getpid()}\n")
    print(f"doing {label}")
    word = _order(f"step-{label}")
    if word == "error":
        raise BuildError(f"{label} does not\nfit")
    if word == "named":
        raise BuildError(f"layer {label}: too big")
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "full":
        raise OSError(28, "No space left on device", str(done))
    if word == "hang":
        subprocess.run(["sleep", "1000"], check=True)
    time.sleep(float(os.environ.get("SLEEPING_BACKEND_SECONDS", "0")))
    temporary = _cache() / f".{label}.{os.getpid()}"
    temporary.write_text(label)
    temporary.rename(done)


def _orders() -> Path:
    return Path(os.environ["SLEEPING_BACKEND_ORDERS"])


def _cache() -> Path:
    folder = _orders() / "cache"
    folder.mkdir(exist_ok=True)
    return folder


def _order(name: str) -> str:
    file = _orders() / name
    return file.read_text().strip() if file.exists() else ""
