"""``dse boards``: the boards that one can deploy to, and whether they are ready."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import json_option
from dse.cli.strict_group import StrictGroup

if TYPE_CHECKING:
    from dse.deploy.board_check import BoardCheck

EXIT_FAILED_BOARD = 1

_boards_file_option = click.option(
    "--boards",
    "path",
    type=click.Path(path_type=Path),
    default=Path("boards.toml"),
    show_default=True,
    metavar="FILE",
    help="The file of boards (docs/formats.md).",
)


@click.group(cls=StrictGroup)
def boards() -> None:
    """Name the boards to deploy to, check them, make keys.

    docs/boards.md says what must be on a board.
    """


@boards.command(short_help="Add a board to the file.")
@click.argument("name")
@_boards_file_option
@click.option("--address", required=True, metavar="HOST", help="Host name or IPv4 address.")
@click.option(
    "--engine", required=True, metavar="NAME", help="What computes there: onnx, rtl or pynq."
)
@click.option("--user", metavar="NAME", help="Who logs in. [default: as for ssh]")
@click.option("--port", type=int, metavar="N", help="Port of its ssh server. [default: as for ssh]")
@click.option("--part", metavar="PART", help="Part of its FPGA, such as xc7z020clg400-1.")
@click.option(
    "--board", metavar="NAME", help="Which board it is, as FINN names it, such as Pynq-Z1."
)
@click.option("--python", metavar="COMMAND", help="Python there, a path maybe. [default: python3]")
@click.option("--link", metavar="TEXT", help="What it is connected by, such as 1Gbit/s.")
@click.option("--key", metavar="FILE", help="Private ssh key. [default: as for ssh]")
@click.option("--known-hosts", metavar="FILE", help="Its host key. [default: as for ssh]")
@click.option(
    "--bitstreams", metavar="DIR", help="Folder of `dse build` with its overlay (engine pynq)."
)
def add(name: str, path: Path, **given: str | int | None) -> None:
    """Add the board NAME to the file, which is made if it is not there."""
    from dse.deploy.boards_file import add_board

    for option in ("key", "known_hosts", "bitstreams"):
        value = given[option]
        if isinstance(value, str):
            # Typed relative to here; in the file it would be relative to the file.
            given[option] = str(Path(value).expanduser().absolute())
    added = add_board(path, {"name": name, **given})
    click.echo(f"{path}: added {added.name} ({added.engine} at {added.address})")


@boards.command(name="list")
@_boards_file_option
@json_option
def list_boards(path: Path, as_json: bool) -> None:
    """Print the boards in the file."""
    from dse.deploy.boards_file import read_boards

    entries = read_boards(path)
    if as_json:
        rows = [
            {key: str(value) if isinstance(value, Path) else value for key, value in row.items()}
            for row in map(asdict, entries)
        ]
        click.echo(json.dumps({"boards": rows}, indent=1))
        return
    _print_rows(
        ("board", "address", "user", "port", "engine", "part", "link"),
        [
            (
                entry.name,
                entry.address,
                entry.user or "",
                "" if entry.port is None else str(entry.port),
                entry.engine,
                entry.part or entry.board or "",
                entry.link or "",
            )
            for entry in entries
        ],
    )


@boards.command(short_help="Log in to the boards and look whether they are ready.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_boards_file_option
@json_option
def check(names: tuple[str, ...], path: Path, as_json: bool) -> int:
    """Log in to each board (or to those named) and look whether it can be deployed to.

    Exit code 1 if one cannot. Nothing stays on a board.
    """
    from dse.deploy.board_check import check_boards
    from dse.deploy.boards_file import choose_boards, read_boards

    found = check_boards(choose_boards(read_boards(path), names, path))
    healthy = all(board.error is None for board in found)
    if as_json:
        rows = [{**asdict(board), "ready": board.error is None} for board in found]
        click.echo(json.dumps({"boards": rows, "ready": healthy}, indent=1))
    else:
        _print_checks(found)
    return 0 if healthy else EXIT_FAILED_BOARD


@boards.command(short_help="Make a CURVE key of your own.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the key. [default: the user's configuration folder]",
)
@click.option("--force", is_flag=True, help="Replace a key that is there.")
def keygen(out: Path | None, force: bool) -> None:
    """Make a CURVE key of your own, in place of a new one for each deployment.

    The file is readable by you only; the public key is printed.
    """
    from dse.deploy.key_files import SECRET_FILE, default_key_folder, write_client_keys

    folder = default_key_folder() if out is None else out
    keys = write_client_keys(folder, replace=force)
    click.echo(f"{folder / SECRET_FILE}: new key; public key {keys.public}")


@boards.command(short_help="Measure the links between the boards.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--boards",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="boards.toml. [default: two boards emulated on this machine]",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1, max=100_000),
    default=100,
    show_default=True,
    metavar="N",
    help="Messages of each size.",
)
@click.option("--tls", is_flag=True, help="With TLS on every link, as `dse deploy --tls`.")
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of your CURVE key. [default: the user's configuration folder]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/links.json"),
    show_default=True,
    metavar="FILE",
    help="Where to write it, for `dse plan --links`.",
)
@json_option
def measure(
    names: tuple[str, ...],
    path: Path | None,
    repeats: int,
    tls: bool,
    keys: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Time messages of 64 B to 64 kB from each board (or of those named) to the next.

    With the transport of `dse deploy`. Nothing stays on a board.
    """
    from dse.deploy.deploy_progress import deploy_progress
    from dse.deploy.link_measurement import measure_links

    with deploy_progress(quiet=as_json) as progress:
        found = measure_links(
            path, names, repeats=repeats, tls=tls, keys=keys, on_step=progress.step
        )
        found.write(out)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
        return
    _print_rows(
        ("from", "to", "late by", "busy by", "per kB", "off by"),
        [
            (
                link.source,
                link.target,
                f"{(link.delay_s + link.message_s) * 1e6:.1f} µs",
                f"{link.message_s * 1e6:.1f} µs",
                f"{link.byte_s * 1e9:.2f} µs",
                f"{100 * link.misfit:.0f} %",
            )
            for link in (found.host, *found.hops)
        ],
    )
    click.echo(f"\n{out}")


def _print_checks(found: list[BoardCheck]) -> None:
    """One line per board; what is wrong stands last, in full."""
    rows = []
    for board in found:
        modules = ", ".join(
            f"{name} {version}" for name, version in board.modules.items() if version
        )
        free = "" if board.free_bytes is None else f"{board.free_bytes / 1e6:.0f} MB"
        trip = board.round_trip_seconds
        rows.append(
            (
                board.name,
                board.engine,
                "" if board.python is None else f"{board.python} on {board.machine}",
                modules,
                free,
                "" if trip is None else f"{trip * 1e3:.2f} ms",
                "ready" if board.error is None else board.error,
            )
        )
    _print_rows(("board", "engine", "Python", "modules", "free", "round trip", "state"), rows)


def _print_rows(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they need to be; whatever the terminal, a line stays one line."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
