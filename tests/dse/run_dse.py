"""``dse`` with backends for tests registered: ``python -m tests.dse.run_dse sweep ...``."""

from __future__ import annotations

from dse.cli import main
from finn_flows.backends import BACKENDS

if __name__ == "__main__":
    BACKENDS["sleeping"] = "tests.dse.sleeping_backend:SleepingBackend"
    BACKENDS["second"] = "tests.dse.second_backend:SecondBackend"
    BACKENDS["sharing"] = "tests.dse.step_sharing_backend:StepSharingSleeper"
    main(prog_name="dse")
