"""serve.json: where the service of ``dse deploy --serve`` is, and the key to it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dse.deploy.node.manager import boot_identity
from dse.errors import DeployError, OutputError

SERVICE_FILE = "serve.json"
FORMAT, VERSION = "split-dse/serve", 1


@dataclass(frozen=True)
class ServiceFile:
    """``address``: ``tcp://host:port``; keys: z85; ``pid``, ``started``, ``boot``: of the process
    that serves: its id, its start in the kernel's clock ticks, and the run of its kernel;
    ``input_shape``: of an image, uint8; ``classes``: names, in the order of the logits;
    ``most_images``: in one request."""

    address: str
    server_key: str
    client_public_key: str
    client_secret_key: str
    pid: int
    started: int
    boot: str
    network: str
    network_sha256: str
    cuts: list[str]
    engines: list[str]
    input_shape: list[int]
    classes: list[str]
    most_images: int

    @property
    def is_alive(self) -> bool | None:
        """Whether its process is there; None where that cannot be known: it is another machine's,
        or of another start of this one."""
        if not self.boot or self.boot != boot_identity():
            return None
        return process_start(self.pid) == self.started


def process_start(pid: int) -> int | None:
    """When process ``pid`` began, in clock ticks since the start of this machine; None where there
    is none. A number that is used again began later."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name of the program, in parentheses, may hold anything. A zombie serves nobody.
    state, *rest = text.rpartition(")")[2].split()
    return None if state == "Z" else int(rest[18])


def write_service_file(folder: Path, service: ServiceFile) -> Path:
    """Write it into ``folder``, readable by its owner only. One of a service that is gone is
    replaced. Raises DeployError where another service runs, OutputError where it cannot be
    written."""
    path = folder / SERVICE_FILE
    data = {"format": FORMAT, "version": VERSION, **asdict(service)}
    temporary = folder / f".{SERVICE_FILE}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            check_not_served(folder)
            try:
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "w") as file:
                    file.write(json.dumps(data, indent=1) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=path) from error
    return path


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time, with no file for it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_service_file(folder: Path, service: ServiceFile) -> None:
    """Remove it if it is still that of ``service``."""
    with suppress(DeployError, OSError):
        if read_service_file(folder) == service:
            (folder / SERVICE_FILE).unlink()


def read_service_file(folder: Path) -> ServiceFile:
    """What ``folder``/serve.json says. DeployError where there is none, or it is damaged."""
    path = folder / SERVICE_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeployError(
            "no service runs here", where=path, expected="dse deploy --serve"
        ) from error
    except OSError as error:
        raise DeployError(f"cannot be read: {error.strerror}", where=path) from error
    except (ValueError, RecursionError) as error:
        raise DeployError("is damaged", where=path, expected="a file of dse deploy --serve") from (
            error
        )
    if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        raise DeployError("is no service file of this version", where=path)
    return _checked(data, path)


def check_not_served(folder: Path) -> None:
    """DeployError if a service runs whose files are in ``folder``."""
    try:
        service = read_service_file(folder)
    except DeployError:
        return  # there is none, or nobody can use it
    if service.is_alive:
        raise DeployError(
            f"a service runs here, process {service.pid}",
            where=folder / SERVICE_FILE,
            expected="another folder (--out), or its end",
        )


_KINDS: dict[str, type] = {"str": str, "int": int, "list[str]": list, "list[int]": list}


def _checked(data: dict[str, Any], path: Path) -> ServiceFile:
    values: dict[str, Any] = {}
    for one in fields(ServiceFile):
        value = data.get(one.name)
        right = isinstance(value, _KINDS[str(one.type)]) and not isinstance(value, bool)
        if right and isinstance(value, list):
            item = int if one.type == "list[int]" else str
            right = all(isinstance(each, item) and not isinstance(each, bool) for each in value)
        if not right:
            raise DeployError(f"{one.name} is missing or wrong", where=path)
        values[one.name] = value
    return ServiceFile(**values)
