"""A job that computes nothing: any image becomes the same bytes."""

from __future__ import annotations

from typing import Any

from dse.deploy.node.fard import FardJob, FardTaskContainer


class Relay(FardJob):
    """``config.reply``: the bytes, as hexadecimal digits."""

    def _parse_config(self, config: dict[str, Any]) -> None:
        super()._parse_config(config)
        self._reply = bytes.fromhex(config["reply"])

    def process(self, chunk: memoryview) -> bytes:
        """See FardJob."""
        return self._reply


if __name__ == "__main__":
    FardTaskContainer(Relay()).execute()
