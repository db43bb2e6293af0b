"""What ``dse deploy`` was asked for, checked: where to cut, which boards, which images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dse.classify import check_classifies, load_pictures, load_test_digits
from dse.deploy.board import Board
from dse.deploy.boards_file import BoardEntry, choose_boards, read_boards
from dse.deploy.deploy_run import DeployImages
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.pipeline_parts import balanced_cuts, pipeline_parts
from dse.deploy.ssh_board import SshBoard
from dse.device_choice import choose_device
from dse.errors import InputError
from dse.plan_use import UsedPlan
from finn_flows.cut import Cut, normal_cut
from finn_flows.folding import Folding
from finn_flows.network import Network


def choose_cuts(
    network: Network,
    splits: Sequence[int],
    parts: int | None,
    pool: Literal["before", "after"],
    folding: Folding,
    sweep: Path,
) -> tuple[tuple[Cut, ...], str]:
    """The cuts, and in words where they come from.

    ``splits`` as given; else ``parts`` of even size; else what ``dse choose`` says of the sweep in
    ``sweep``. Raises InputError or CutError.
    """
    if splits:
        cuts = tuple(normal_cut(network, Cut(layer, pool)) for layer in sorted(set(splits)))
        if parts is not None and parts != len(cuts) + 1:
            raise InputError(
                f"{parts} parts and {len(cuts)} cuts", expected=f"--parts {len(cuts) + 1}"
            )
        pipeline_parts(network, cuts)
        return cuts, "as given"
    if parts is not None:
        if parts < 1:
            raise InputError(f"{parts} parts", expected="1 or more")
        return balanced_cuts(network, folding, parts), "balanced"
    return (_swept_cut(network, sweep),), f"chosen by traffic from the sweep in {sweep}"


def planned_names(plan: UsedPlan, file: Path | None) -> tuple[str, ...]:
    """The boards that the plan names, where they are boards of ``file``; else none.

    Raises InputError for a part on several boards at once, DeployError for a damaged file.
    """
    for number, part in enumerate(plan.file.parts, start=1):
        if len(part.boards) != 1:
            raise InputError(
                f"part {number} is on {len(part.boards)} boards at once, and here a part runs "
                "on one",
                where=plan.path,
                expected="a plan made without --replicate",
            )
    names = tuple(part.boards[0] for part in plan.file.parts)
    known = set() if file is None else {entry.name for entry in read_boards(file)}
    return names if known.issuperset(names) else ()


def _swept_cut(network: Network, sweep: Path) -> Cut:
    from dse.split_choice import choose_split
    from dse.swept import open_sweep

    try:
        records = open_sweep(sweep).records
    except InputError as error:
        raise InputError(
            f"no split is given, and {error}", choices=["--split K", "--parts N", "dse sweep"]
        ) from error
    if any(record.network_sha256 != network.sha256 for record in records):
        raise InputError(
            f"no split is given, and the sweep in {sweep} is of another network",
            choices=["--split K", "--parts N"],
        )
    choice = choose_split(records)
    pool: Literal["before", "after"] = "after" if choice.pool == "after" else "before"
    return normal_cut(network, Cut(choice.split, pool))


def choose_deploy_boards(
    file: Path | None, names: Sequence[str], count: int, engine: str | None, keys: ClientKeys
) -> tuple[list[Board], list[BoardEntry]]:
    """``count`` boards: of ``file``, each with its entry, or without one emulated ones."""
    if file is not None:
        return named_boards(file, names, count, engine, keys)
    if engine == "pynq":
        raise InputError("an emulated board has no FPGA", choices=["--boards FILE"])
    return local_boards(count, engine or "onnx", keys), []


def local_boards(count: int, engine: str, keys: ClientKeys) -> list[Board]:
    """Boards emulated on this machine."""
    return [
        LocalBoard(f"emulated-{index}", engine, client_key=keys.public, core=index)
        for index in range(count)
    ]


def named_boards(
    file: Path, names: Sequence[str], count: int, engine: str | None, keys: ClientKeys
) -> tuple[list[Board], list[BoardEntry]]:
    """The first ``count`` boards of ``file``, or those of ``names``, in that order; ``engine`` in
    place of their own. InputError if there are too few."""
    entries = list(choose_boards(read_boards(file), names, file))
    if len(entries) < count:
        raise InputError(f"{count} parts need {count} boards, {len(entries)} are named", where=file)
    if names and len(entries) > count:
        raise InputError(f"{len(entries)} boards are named for {count} parts", where=file)
    chosen = entries[:count]
    boards: list[Board] = []
    for entry in chosen:
        board = SshBoard(entry, client_key=keys.public)
        if engine is not None:
            board.engine = engine
        boards.append(board)
    return boards, chosen


def deploy_device(entries: Sequence[BoardEntry], default: str) -> str:
    """The device that parts are made for: of the first of ``entries`` that says its part or which
    board it is, else ``default``. Raises InputError for an unknown board."""
    for entry in entries:
        if entry.part is not None or entry.board is not None:
            return entry.part or choose_device(None, entry.board)
    return default


def choose_deploy_images(
    network: Network, given: Sequence[str], count: int | None, default: int = 20
) -> DeployImages:
    """``count`` images: of the picture files ``given``, in turn, or held-out digits.

    Raises PictureError for a bad file, InputError for a network that does not classify pictures,
    or not those.
    """
    check_classifies(network)
    if given and list(given) != ["digits"]:
        if "digits" in given:
            raise InputError("digits and pictures in one run", expected="one of them")
        names, pixels = load_pictures(network, [Path(name) for name in given])
        wanted = len(names) if count is None else count
        order = np.arange(wanted) % len(names)
        return DeployImages([names[index] for index in order], pixels[order], None)
    names, pixels, labels = load_test_digits(network)
    wanted = default if count is None else count
    order = np.arange(wanted) % len(names)
    return DeployImages(
        [names[index] for index in order],
        pixels[order],
        None if labels is None else [labels[index] for index in order],
    )
