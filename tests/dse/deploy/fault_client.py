"""A client to be ended: ``python -m tests.dse.deploy.fault_client FOLDER STATE``.

Says on standard output where its boards are, ``now`` when its pipeline is in STATE, and, if it
lives on, how the job ended.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from dse.deploy.job_outcome import JobFailed
from dse.deploy.pipeline_plan import PipelineFailed
from tests.dse.deploy.fault_rig import OPTIONS, FaultRig, StageSettings, chunks

SIZES = (100_000, 80_000, 24)


def main(folder: Path, state: str) -> None:
    """See above."""
    is_said = False

    def say(word: str) -> None:
        nonlocal is_said
        if word == state and not is_said:
            is_said = True
            print("now", flush=True)

    with FaultRig(2, folder) as rig:
        folders = [str(board.folder) for board in rig.boards]
        pids = [board.manager_pid for board in rig.boards]
        print(json.dumps({"folders": folders, "managers": pids}), flush=True)
        slow = 0 if state == "sending" else 1
        pipeline = rig.pipeline(
            SIZES,
            settings={slow: StageSettings(delay_seconds=0.2)},
            options=replace(OPTIONS, window=2),
            on_state=lambda position, word: say(word),
        )
        try:
            pipeline.start()
            if state in ("spawned", "ready", "linked", "running"):
                time.sleep(0.5)  # so that the signal comes now
            pipeline.run(chunks(1, 1, SIZES[0]))
            say("idle")
            if state == "idle":
                time.sleep(0.5)

            def on_progress(received: int) -> None:
                if received > 3:
                    say(state)

            outcome = pipeline.run(chunks(2, 60, SIZES[0]), on_progress=on_progress)
            if isinstance(outcome, JobFailed):
                told = {"stage": outcome.stage, "reason": outcome.reason}
            else:
                told = {"stage": None, "reason": "done"}
        except PipelineFailed as failure:
            told = {"stage": failure.stage, "reason": failure.reason}
        finally:
            pipeline.close()
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
