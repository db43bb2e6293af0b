"""Engines one behind another, by hand: what a pipeline is without its processes and sockets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from dse.deploy.node.engines import make_engine
from dse.deploy.node.engines.interface import Engine
from dse.deploy.node.stage_files import read_stage
from dse.deploy.stage_folders import StageFolders


@contextmanager
def loaded(folders: StageFolders) -> Iterator[list[Engine]]:
    """The engines of all stages, loaded as a board does it, and closed at the end."""
    engines: list[Engine] = []
    try:
        for position, folder in enumerate(folders.folders):
            stage = read_stage(folder, position, folders.manifest_sha256)
            engines.append(make_engine(stage["engine"]))
            engines[-1].load(folder, stage)
        yield engines
    finally:
        for engine in engines:
            engine.close()


def chained(engines: Sequence[Engine], words: np.ndarray) -> np.ndarray:
    """uint64 (images, words of the first's input) to (images, words of the last's output)."""
    results = []
    for image in words:
        payload = image.tobytes()
        for engine in engines:
            payload = engine.compute(memoryview(payload))
        results.append(np.frombuffer(payload, dtype="<u8"))
    return np.stack(results)
