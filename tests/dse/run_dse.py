"""``dse`` with the sleeping backend registered: ``python -m tests.dse.run_dse sweep ...``."""

from __future__ import annotations

from dse.cli import main
from finn_flows.backends import BACKENDS

if __name__ == "__main__":
    BACKENDS["sleeping"] = "tests.dse.sleeping_backend:SleepingBackend"
    main(prog_name="dse")
