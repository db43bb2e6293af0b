"""The job of a stage that passes every chunk on as it is: what is left to time is the links."""

from __future__ import annotations

from dse.deploy.node.fard import FardJob, FardTaskContainer


class RelayJob(FardJob):
    """Input and output have the same size."""

    def process(self, chunk: memoryview) -> bytes:
        """The chunk."""
        return bytes(chunk)


def main() -> None:
    """What the application of `dse boards measure` runs as its job."""
    FardTaskContainer(RelayJob()).execute()
