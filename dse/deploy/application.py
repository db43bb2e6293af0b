"""An application: a folder with app.yaml that names its tasks or jobs (docs/applications.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dse.deploy.stage_names import check_stage_name
from dse.errors import DeployError

APP_FILE = "app.yaml"
#: Of the configuration: what an application cannot choose.
_RESERVED = {"task", "pipeline", "stage"}

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskEntry(_Entry):
    """A task: ``task_count`` replicas of ``main_dir/main_file``. ``cpu_quota``: thousandths of a
    processor; ``fpga``: how many FPGAs; ``config``: what its ``_parse_config`` gets, with
    ``config.task.peer`` (which replica, from 0) and ``config.task.count``."""

    task_name: Name
    main_dir: str
    main_file: str
    task_count: int = Field(default=1, ge=1, le=1000)
    cpu_quota: int = Field(default=1000, ge=0)
    fpga: int = Field(default=0, ge=0)
    config: dict[str, Any] = {}


class JobEntry(_Entry):
    """A job. ``input_bytes``, ``output_bytes``: of a chunk and of its result; ``data_dir``: a
    folder that is copied to its board, whose path there is ``config.stage``."""

    job_name: Name
    main_dir: str
    main_file: str
    input_bytes: int = Field(gt=0, le=1 << 26)
    output_bytes: int = Field(gt=0, le=1 << 26)
    cpu_quota: int = Field(default=1000, ge=0)
    fpga: int = Field(default=1, ge=0)
    data_dir: str | None = None
    config: dict[str, Any] = {}


class Application(_Entry):
    """``jobs`` in the order of the pipeline. ``manifest``: sha256 of what all jobs must hold."""

    folder: Path = Field(exclude=True)
    app_name: Name
    tasks: tuple[TaskEntry, ...] = ()
    jobs: tuple[JobEntry, ...] = ()
    manifest: str | None = None


def read_application(folder: Path) -> Application:
    """``folder``/app.yaml, checked. DeployError, naming file and place, for whatever is wrong."""
    import yaml

    path = folder / APP_FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeployError(f"cannot read: {error.strerror or error}", where=path) from error
    except UnicodeDecodeError as error:
        raise DeployError("is not UTF-8", where=path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "not YAML"
        raise DeployError(str(problem), where=path, line=line) from error
    if not isinstance(content, dict):
        raise DeployError("is no mapping", where=path, expected="app_name and tasks or jobs")
    try:
        application = Application.model_validate({**content, "folder": folder})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DeployError(f"{place}: {first['msg']}", where=path) from error
    _check(application, path)
    return application


def _check(application: Application, path: Path) -> None:
    if not application.tasks and not application.jobs:
        raise DeployError("has neither tasks nor jobs", where=path)
    names = [task.task_name for task in application.tasks]
    names += [job.job_name for job in application.jobs]
    for name in names:
        check_stage_name(name)
        if names.count(name) > 1:
            raise DeployError(f"two tasks or jobs are called {name}", where=path)
    entries: tuple[TaskEntry | JobEntry, ...] = (*application.tasks, *application.jobs)
    for entry in entries:
        main = application.folder / entry.main_dir / entry.main_file
        if not _inside(main, application.folder) or not main.is_file():
            raise DeployError(
                f"{entry.main_dir}/{entry.main_file} is not in the folder", where=path
            )
        taken = _RESERVED & set(entry.config)
        if taken:
            raise DeployError(
                f"config.{min(taken)} is not for app.yaml: a task or job is told it", where=path
            )
    for job in application.jobs:
        if job.data_dir is not None:
            data = application.folder / job.data_dir
            if not _inside(data, application.folder) or not data.is_dir():
                raise DeployError(f"{job.data_dir} is not a folder beside it", where=path)


def _inside(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents
