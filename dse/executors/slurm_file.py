"""The TOML file that says which jobs Slurm starts for a sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dse.errors import InputError
from dse.toml_file import parse_toml, toml_text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]""")
_TABLE = re.compile(r"""\s*\[\s*["']?([A-Za-z0-9_-]+)["']?\s*\]""")

_LINE = r"^[^\r\n\x00]+$"
#: Goes into a command line of the job's script.
_WORD = r"^[A-Za-z0-9_./@%+:,=~-]+$"
_TAG = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
_SIZE = r"^[0-9]+(\.[0-9]+)? ?[kMGT]i?B$"
_TIME = r"^([0-9]+-)?[0-9]{1,3}(:[0-9]{2}){0,2}$"
#: What would be right, in words.
_RIGHT = {
    _LINE: "one line that is not empty",
    _WORD: "one word of letters, digits and _ . / @ % + : , = ~ -",
    _TAG: "up to 64 letters, digits, dots, hyphens and underscores, a letter first",
    _SIZE: "a number with kB, MB, GB or TB, such as 16GB",
    _TIME: "hours:minutes:seconds, with days- before them if need be, such as 08:00:00",
}
_Line = Annotated[str, Field(pattern=_LINE)]
_Word = Annotated[str, Field(pattern=_WORD)]
_Tag = Annotated[str, Field(pattern=_TAG)]
_Amount = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False, strict=False)]


class SlurmJobs(BaseModel):
    """What the file says.

    ``jobs`` jobs, each with ``cores`` and ``memory`` for ``builds`` builds at once, for at most
    ``walltime``. ``resources``: what each worker offers, by tag, for all its builds together.
    ``modules`` are loaded and the lines of ``prologue`` run before the worker. ``interface``: of
    the network between login node and compute nodes. ``python``: of the compute nodes.
    ``death_timeout``: seconds after which a worker that finds no scheduler ends its job.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    jobs: int = Field(ge=1, le=10_000)
    cores: int = Field(ge=1, le=4096)
    memory: str = Field(pattern=_SIZE)
    walltime: str = Field(pattern=_TIME)
    builds: int = Field(default=1, ge=1, le=4096)
    queue: _Word | None = None
    account: _Word | None = None
    resources: dict[_Tag, _Amount] = Field(default_factory=dict)
    modules: list[_Word] = Field(default_factory=list)
    prologue: list[_Line] = Field(default_factory=list)
    job_extra_directives: list[_Line] = Field(default_factory=list)
    interface: _Word | None = None
    local_directory: _Word | None = None
    log_directory: _Word | None = None
    python: _Word | None = None
    death_timeout: int = Field(default=60, ge=1)


def read_slurm_file(path: Path) -> SlurmJobs:
    """Read and check ``path``. InputError, naming file, line and what would be valid."""
    text = toml_text(path, "the settings of jobs")
    content = parse_toml(text, path)
    try:
        return SlurmJobs.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        unknown = first["type"] == "extra_forbidden"
        raise InputError(
            _words(first),
            where=path,
            line=_line(text, [str(step) for step in first["loc"]]),
            expected=_RIGHT.get(str(first.get("ctx", {}).get("pattern"))),
            choices=list(SlurmJobs.model_fields) if unknown else None,
        ) from error


def _words(error: ErrorDetails) -> str:
    key = ".".join(str(step) for step in error["loc"] if step != "[key]")
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if error["type"] == "missing":
        return f"{key} is missing"
    said = f"{key} = {str(error['input'])[:60]!r}"
    return said if error["type"] == "string_pattern_mismatch" else f"{said}: {error['msg']}"


def _line(text: str, keys: list[str]) -> int | None:
    """The line of a key, of one in its table where the path has a second step, None if unknown."""
    table: list[str] = []
    found = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = [header[1]]
            if table == keys[:1]:
                found = number
        elif key := _KEY.match(line):
            here = [*table, key[1]]
            if here == keys[: len(here)]:
                found = number
    return found
