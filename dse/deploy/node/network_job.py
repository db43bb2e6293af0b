"""The job of a stage that computes a part of a network with an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

from dse.deploy.node.engines import make_engine
from dse.deploy.node.engines.interface import Engine
from dse.deploy.node.fard import FardJob, FardTaskContainer
from dse.deploy.node.stage_files import read_stage


class NetworkJob(FardJob):
    """``config.stage``: the stage's folder on this board; ``config.pipeline.manifest``: the
    sha256 of its pipeline.json. Nothing is loaded whose bytes differ from it."""

    def __init__(self) -> None:
        super().__init__()
        self._engine: Optional[Engine] = None

    def _parse_config(self, config: Dict[str, Any]) -> None:
        super()._parse_config(config)
        self._folder = Path(config["stage"])

    def setup(self) -> None:
        """Check the files of the part, and load it."""
        pipeline = self.config.pipeline
        stage = read_stage(self._folder, pipeline.position, pipeline.manifest)
        self.manifest = pipeline.manifest  # read_stage: it is the hash of what lies here
        self._engine = make_engine(stage["engine"])
        self._engine.load(self._folder, stage)
        # No layer of ours between the loop and the engine.
        self.process = self._engine.compute  # type: ignore[assignment,method-assign]
        self.give = self._engine.give  # type: ignore[assignment,method-assign]
        self.take = self._engine.take  # type: ignore[method-assign]
        self.depth = self._engine.depth

    def stop(self) -> None:
        """Give back what the engine took."""
        if self._engine is not None:
            self._engine.close()


def main() -> None:
    """What the ready applications run as their job."""
    FardTaskContainer(NetworkJob()).execute()
