"""Runs jobs while the clock of all its processes jumps:
``python -m tests.dse.deploy.clock_client FOLDER CLOCK SECONDS``, where the clock follows the file
CLOCK. Says by how many years it moved."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.dse.deploy.fault_rig import FaultRig, StageSettings, check_done, chunks

SIZES = (64, 48, 24)


def main(folder: Path, clock: Path, seconds: str) -> None:
    """See above. AssertionError if a job is not done."""
    with FaultRig(2, folder) as rig:
        with rig.pipeline(SIZES, settings={0: StageSettings(delay_seconds=0.01)}) as pipeline:
            before = time.time()
            timer = threading.Timer(0.5, clock.write_text, [seconds])
            timer.start()
            for job in range(1, 6):
                given = chunks(job, 60, 64)
                check_done(pipeline.run(given), given, SIZES)
            timer.join()
            after = time.time()
        # Another pipeline, all of it after the jump.
        with rig.pipeline(SIZES) as pipeline:
            given = chunks(1, 60, 64)
            check_done(pipeline.run(given), given, SIZES)
        rig.check_boards_are_free()
        assert rig.repair() == 0
    print(round((after - before) / (365 * 86400)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
