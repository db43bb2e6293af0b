"""Applications for tests: tasks that talk to each other, tasks that fail, jobs that add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

#: Replica 0 of ``speaker`` fires in all three ways; whoever hears says so. It hears of replica 0 of
#: ``listener`` when that has heard the last.
_TALKERS = """
from dse.deploy.node.fard import FardEvent, FardTask, FardTaskContainer


class Talker(FardTask):
    def setup(self):
        self.say, self.thanks = FardEvent("say", self.heard), FardEvent("thanks", self.thanked)
        self.register_event(self.say)
        self.register_event(self.thanks)

    def run(self):
        me = self.config.task
        if self.task_name == "speaker" and me.peer == 0:
            self.say.fire(task="listener", peer=1, data="to one")
            self.say.fire(task="listener", data="to a task")
            self.say.fire(data={"to": "all", "word": self.config.word})
        self.stopping.wait()

    def heard(self, data):
        self.send_output_data(data)
        if self.task_name == "listener" and self.config.task.peer == 0 and data != "to a task":
            self.thanks.fire(task="speaker", peer=0)

    def thanked(self, data):
        self.send_output_data("thanks")


if __name__ == "__main__":
    FardTaskContainer(Talker()).execute()
"""

#: Does what its configuration says.
_OBEDIENT = """
import os, signal, time
from dse.deploy.node.fard import FardEvent, FardTask, FardTaskContainer


class Obedient(FardTask):
    def setup(self):
        if self.config.order == "fail in setup" and self.config.task.peer == 1:
            raise ValueError("no such thing as setup")

    def run(self):
        order = self.config.order
        if order == "flood":
            for number in range(self.config.number):
                self.send_output_data([number, "x" * self.config.size])
            self.send_output_data("last")
        elif order == "fail" and self.config.task.peer == 1:
            raise RuntimeError("the sensor is gone")
        elif order == "end":
            self.send_output_data("done")
            return
        elif order == "nan":
            said = []
            event = FardEvent("event")
            self.register_event(event)
            for number in (float("nan"), float("-inf")):
                for say in (self.send_output_data, lambda data: event.fire(data=data)):
                    try:
                        say({"number": number})
                    except Exception as error:
                        said.append(type(error).__name__)
            self.send_output_data(said)
        elif order == "name":
            self.send_output_data([self.app_name, self.task_name, os.getpid()])
        self.stopping.wait()


if __name__ == "__main__":
    FardTaskContainer(Obedient()).execute()
"""

#: Adds ``config.add`` to every byte; 255 is poison, 254 a crash, 253 takes for ever.
_ADDER = """
import time
from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.fard import FardJob, FardTaskContainer


class Adder(FardJob):
    def setup(self):
        self.send_output_data(["loaded", self.config.pipeline.position])

    def process(self, chunk):
        if chunk[0] == 255:
            raise PoisonedInput("255 cannot be added to")
        if chunk[0] == 254:
            raise RuntimeError("the adder broke")
        while chunk[0] == 253:
            self._sleep()
        if self.config.give != len(chunk):
            return bytes(self.config.give)
        return bytes((value + self.config.add) % 256 for value in chunk)

    def _sleep(self):
        time.sleep(0.1)


if __name__ == "__main__":
    FardTaskContainer(Adder()).execute()
"""


def _write(folder: Path, program: str, content: dict[str, Any]) -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "main.py").write_text(program)
    (folder / "app.yaml").write_text(yaml.safe_dump(content))
    return folder


def _task(name: str, count: int, **more: Any) -> dict[str, Any]:
    program = {"main_dir": "code", "main_file": "main.py", "cpu_quota": 10}
    return {"task_name": name, "task_count": count, **program, **more}


def write_talkers(folder: Path, word: str) -> Path:
    """Two replicas each of ``speaker`` and ``listener``."""
    config = {"word": word}
    tasks = [_task("speaker", 2, config=config), _task("listener", 2, config=config)]
    return _write(folder, _TALKERS, {"app_name": "talkers", "tasks": tasks})


def write_obedient(folder: Path, order: str, count: int = 1, **config: Any) -> Path:
    """``count`` replicas of ``worker`` that do as ``order`` says."""
    task = _task("worker", count, config={"order": order, **config})
    return _write(folder, _OBEDIENT, {"app_name": "obedient", "tasks": [task]})


def write_adders(
    folder: Path,
    adds: list[int],
    size: int = 8,
    name: str = "adders",
    fpga: int = 1,
    give: int | None = None,
) -> Path:
    """A pipeline of jobs, each of which adds one of ``adds`` to ``size`` bytes; one that gives
    another number of bytes gives zeros."""
    jobs = [
        {
            "job_name": f"add-{index}",
            "main_dir": "code",
            "main_file": "main.py",
            "input_bytes": size,
            "output_bytes": give or size,
            "cpu_quota": 10,
            "fpga": fpga,
            "config": {"add": add, "give": give or size},
        }
        for index, add in enumerate(adds)
    ]
    return _write(folder, _ADDER, {"app_name": name, "jobs": jobs})
