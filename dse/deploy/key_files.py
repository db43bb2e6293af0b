"""The client's CURVE key in a file, for those who want one identity over many deployments.

Without it every deployment makes keys of its own and forgets them, which needs no file at all.
:func:`client_keys` says which it is.
``client.key`` holds the secret key, 40 characters of z85 and a line end; the public one follows
from it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dse.errors import DeployError, OutputError

SECRET_FILE = "client.key"
_Z85 = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")


@dataclass(frozen=True)
class ClientKeys:
    """z85 text of 40 characters each."""

    public: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> ClientKeys:
        """A new pair."""
        import zmq

        public, secret = zmq.curve_keypair()
        return cls(public.decode(), secret.decode())


def default_key_folder() -> Path:
    """The user's configuration folder: ``~/.config/split-dse`` on Linux."""
    from platformdirs import user_config_path

    return user_config_path("split-dse", appauthor=False)


def write_client_keys(folder: Path, *, replace: bool = False) -> ClientKeys:
    """Make a pair and write its secret half into ``folder``, readable by its owner only.

    Raises DeployError where there is one already, unless ``replace``; OutputError where it cannot
    be written.
    """
    target = folder / SECRET_FILE
    keys = ClientKeys.new()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{SECRET_FILE}.{os.getpid()}.tmp"
        try:
            # Never readable by others, not even for a moment; whole or not there.
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(keys.secret + "\n")
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(target)
            else:
                # Unlike a rename this fails where there is one, however many try at once.
                target.hardlink_to(temporary)
        finally:
            with suppress(OSError):
                temporary.unlink()
    except FileExistsError as error:
        if not target.exists():
            raise OutputError("cannot write: a file stands there", where=folder) from error
        raise DeployError(
            "there is a key already", where=target, expected="--force to replace it"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}", where=target) from error
    return keys


def client_keys(folder: Path | None = None) -> ClientKeys:
    """The pair for a deployment: that in ``folder``; None: that in :func:`default_key_folder` if
    there is one, else a new pair. Raises DeployError for a file that is not right."""
    if folder is not None:
        return read_client_keys(folder)
    default = default_key_folder()
    return read_client_keys(default) if (default / SECRET_FILE).exists() else ClientKeys.new()


def read_client_keys(folder: Path) -> ClientKeys:
    """The pair whose secret half is in ``folder``. Raises DeployError, naming the file, where it
    is missing, is no key, or others may read it."""
    path = folder / SECRET_FILE
    expected = "a key as `dse boards keygen` makes: 40 characters of z85"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(100).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise DeployError(
            f"cannot be read: {error.strerror}", where=path, expected=expected
        ) from error
    if mode & 0o077:
        raise DeployError(
            "others than its owner may read this secret key",
            where=path,
            expected=f"chmod 600 {path}",
        )
    import zmq

    try:
        if _Z85.fullmatch(text) is None:
            raise ValueError
        return ClientKeys(zmq.curve_public(text.encode()).decode(), text)
    except (ValueError, zmq.ZMQError) as error:
        raise DeployError("is no CURVE key", where=path, expected=expected) from error
