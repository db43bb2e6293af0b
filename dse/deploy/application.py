"""An application: a folder with app.yaml that names its tasks or jobs (docs/applications.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from dse.deploy.stage_names import check_stage_name
from dse.deploy.strict_yaml import read_yaml
from dse.errors import DeployError

APP_FILE = "app.yaml"
#: Of the configuration: what an application cannot choose.
_RESERVED = {"task", "pipeline", "stage"}
#: Of a configuration, which goes into one control message.
_MOST_DEEP, _MOST_VALUES, _MOST_BITS = 50, 100_000, 64
#: Of a path in app.yaml.
_MOST_CHARACTERS = 200


def _text(is_right: Callable[[str], object], right: str) -> AfterValidator:
    """A text that ``is_right``, which is ``right`` in words."""

    def check(text: str) -> str:
        if not is_right(text):
            raise PydanticCustomError(
                "form", "{given}; expected {right}", {"given": repr(text)[:60], "right": right}
            )
        return text

    return AfterValidator(check)


def _is_path(text: str) -> bool:
    path = PurePosixPath(text)
    return (
        0 < len(text) <= _MOST_CHARACTERS
        and text.isprintable()
        and not path.is_absolute()
        and ".." not in path.parts
    )


Name = Annotated[
    str,
    _text(
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}").fullmatch,
        "up to 40 letters, digits, dots, hyphens and underscores, a letter or digit first",
    ),
]
Sha256 = Annotated[
    str, _text(re.compile(r"[0-9a-f]{64}").fullmatch, "64 lower-case hexadecimal digits")
]
#: Within the folder that it is relative to.
InnerPath = Annotated[
    str, _text(_is_path, f"a relative path of at most {_MOST_CHARACTERS} characters without ..")
]
Count = Annotated[int, Field(strict=True)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskEntry(_Entry):
    """A task: ``task_count`` replicas of ``main_dir/main_file``. ``cpu_quota``: thousandths of a
    processor; ``fpga``: how many FPGAs; ``config``: what its ``_parse_config`` gets, with
    ``config.task.peer`` (which replica, from 0) and ``config.task.count``."""

    task_name: Name
    main_dir: InnerPath
    main_file: InnerPath
    task_count: Count = Field(default=1, ge=1, le=1000)
    cpu_quota: Count = Field(default=1000, ge=0)
    fpga: Count = Field(default=0, ge=0)
    config: dict[str, Any] = {}


class JobEntry(_Entry):
    """A job. ``input_bytes``, ``output_bytes``: of a chunk and of its result; ``data_dir``: a
    folder that is copied to its board, whose path there is ``config.stage``."""

    job_name: Name
    main_dir: InnerPath
    main_file: InnerPath
    input_bytes: Count = Field(gt=0, le=1 << 26)
    output_bytes: Count = Field(gt=0, le=1 << 26)
    cpu_quota: Count = Field(default=1000, ge=0)
    fpga: Count = Field(default=1, ge=0)
    data_dir: InnerPath | None = None
    config: dict[str, Any] = {}


class Application(_Entry):
    """``jobs`` in the order of the pipeline. ``manifest``: sha256 of what all jobs must hold."""

    folder: Path = Field(exclude=True)
    app_name: Name
    tasks: tuple[TaskEntry, ...] = ()
    jobs: tuple[JobEntry, ...] = ()
    manifest: Sha256 | None = None


def read_application(folder: Path) -> Application:
    """``folder``/app.yaml, checked. DeployError, naming file and place, for whatever is wrong."""
    path = folder / APP_FILE
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise DeployError("is no mapping", where=path, expected="app_name and tasks or jobs")
    if "folder" in content:
        raise DeployError("folder: is no key of it", where=path, choices=_KEYS)
    try:
        application = Application.model_validate({**content, "folder": folder})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step)[:60] for step in first["loc"])
        raise DeployError(f"{place}: {first['msg']}", where=path) from error
    _check(application, path)
    return application


_KEYS = [name for name in Application.model_fields if name != "folder"]


def _check(application: Application, path: Path) -> None:
    if not application.tasks and not application.jobs:
        raise DeployError("has neither tasks nor jobs", where=path)
    names = [task.task_name for task in application.tasks]
    names += [job.job_name for job in application.jobs]
    for name in names:
        check_stage_name(name)
        if names.count(name) > 1:
            raise DeployError(f"two tasks or jobs are called {name}", where=path)
    for place, entry in _entries(application):
        for problem in _problems(entry, application.folder):
            raise DeployError(f"{place}.{problem}", where=path)


def _entries(application: Application) -> Iterator[tuple[str, TaskEntry | JobEntry]]:
    for index, task in enumerate(application.tasks):
        yield f"tasks.{index}", task
    for index, job in enumerate(application.jobs):
        yield f"jobs.{index}", job


def _problems(entry: TaskEntry | JobEntry, folder: Path) -> Iterator[str]:
    """What is wrong with it, each with its key first."""
    main = folder / entry.main_dir / entry.main_file
    if not _inside(main, folder) or not main.is_file():
        yield f"main_file: {entry.main_dir}/{entry.main_file} is not in the folder"
    taken = _RESERVED & set(entry.config)
    if taken:
        yield f"config.{min(taken)} is not for app.yaml: a task or job is told it"
    yield from _not_json(entry.config)
    if isinstance(entry, JobEntry) and entry.data_dir is not None:
        data = folder / entry.data_dir
        if not _inside(data, folder) or not data.is_dir():
            yield f"data_dir: {entry.data_dir} is not a folder beside it"


def _not_json(config: dict[str, Any]) -> Iterator[str]:
    """What of it could not be told to a board."""
    left: list[tuple[str, int, Any]] = [("config", 0, config)]
    seen = 0
    while left:
        place, depth, value = left.pop()
        seen += 1
        if seen > _MOST_VALUES:
            yield f"config: more than {_MOST_VALUES} values"
            return
        if depth > _MOST_DEEP:
            yield f"{place[:60]}: nested more than {_MOST_DEEP} deep"
            return
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield f"{place}: the key {key!r:.60} is no text"
                    return
            left += [(f"{place}.{key:.60}", depth + 1, item) for key, item in value.items()]
        elif isinstance(value, list):
            left += [(f"{place}.{index}", depth + 1, item) for index, item in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{place}: {value} is no number that can be told to a board"
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            yield f"{place}: a number of more than {_MOST_BITS} bits"
        elif not isinstance(value, (str, int, float, type(None))):
            kind = type(value).__name__
            yield f"{place}: a {kind}; expected text (in quotes), a number, a list or a mapping"


def _inside(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents
