"""A project of Vivado's as it lies on the disk, and the runs in it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

_CONTENT = re.compile(r"<!--fake (.*?)-->", re.S)


@dataclass
class Run:
    """``progress`` is ``100%`` when it is done; ``status`` as Vivado words it."""

    name: str
    progress: str = "0%"
    status: str = "Not started"
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Project:
    """``size``: counts of the design that was implemented; ``clock_mhz``: of its slowest clock."""

    name: str
    directory: str
    part: str
    properties: dict[str, str] = field(default_factory=dict)
    top: str = ""
    files: list[str] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)
    clock_mhz: float = 100.0
    design: str = ""

    @property
    def folder(self) -> Path:
        return Path(self.directory)

    def run_folder(self, run: str) -> Path:
        return self.folder / f"{self.name}.runs" / run

    def design_folder(self, generated: bool, version: str = "2022.2") -> Path:
        """What is generated of a block design had no folder of its own before 2020.2."""
        kind = "gen" if generated and version >= "2020.2" else "srcs"
        return self.folder / f"{self.name}.{kind}" / "sources_1" / "bd" / self.design

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(asdict(self))
        (self.folder / f"{self.name}.xpr").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Project Version="7" Minor="61" '
            f'Path="{self.folder}/{self.name}.xpr">\n<!--fake {content}-->\n</Project>\n'
        )


def open_project(path: Path) -> Project | None:
    """None for a file that is cut short or of something else."""
    found = _CONTENT.search(path.read_text())
    if found is None:
        return None
    facts = json.loads(found[1])
    facts["runs"] = {name: Run(**run) for name, run in facts["runs"].items()}
    return Project(**facts)


PARTS = re.compile(r"xc(?:7z\d{3}s?|u\d+c?|zu\d+\w{0,3}|k26|7[akv]\d+t?)[a-z0-9-]*", re.I)


def is_part(name: str) -> bool:
    """Whether Vivado would know the part: a whole name, with package and speed grade."""
    return PARTS.fullmatch(name) is not None and re.search(r"-[123]", name) is not None
