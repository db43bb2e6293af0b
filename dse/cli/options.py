"""Options that several commands share, so that a word means the same everywhere.

Each decorator adds options; its docstring names the parameters that the command receives. Imports
nothing heavy: a command's ``--help`` reads this file too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import click
from click.core import ParameterSource

from dse.clock_range import LEAST_MHZ, MOST_MHZ
from dse.default_backends import DEFAULT_BACKENDS

Command = TypeVar("Command", bound=Callable[..., Any])

_SPLIT = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_RESOURCE = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,63})=([0-9]+(?:\.[0-9]+)?)")
_PART_NUMBERS = {"1": "first", "2": "second"}
_CLOCK = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:mhz)?", re.IGNORECASE)


class SplitList(click.ParamType[frozenset[int]]):
    """``3``, ``0-5``, ``0,2,4-6``; ``all`` is the empty set."""

    name = "splits"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[int]:
        if isinstance(value, frozenset):
            return value
        if value.strip() == "all":
            return frozenset()
        splits: set[int] = set()
        for piece in value.split(","):
            match = _SPLIT.fullmatch(piece.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if first > last:
                self.fail(f"{value!r} is not a layer number, a range 0-5, a list 0,2,4 or all")
            splits.update(range(first, last + 1))
        return frozenset(splits)


class Clock(click.ParamType[float]):
    """Frequency in MHz: ``100``, ``100MHz``, ``142.8 MHz``."""

    name = "MHz"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        match = _CLOCK.fullmatch(str(value).strip())
        megahertz = float(match[1]) if match else 0.0
        if not LEAST_MHZ <= megahertz <= MOST_MHZ:
            self.fail(
                f"{str(value)[:40]!r} is not a frequency from {LEAST_MHZ:g} to {MOST_MHZ:g} MHz, "
                "such as 100 or 142.8MHz"
            )
        return megahertz


class PartChoice(click.Choice[str]):
    """``first`` or ``1``, ``second`` or ``2``, and each of ``more``; gives the word.

    ``planned``: also ``3`` and so on, the parts of a plan; gives the number as text, which
    :func:`part_of_split` refuses where there is no plan.
    """

    def __init__(self, *more: str, planned: bool = False) -> None:
        super().__init__([*_PART_NUMBERS.values(), *_PART_NUMBERS, *more])
        self.planned = planned

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if self.planned and re.fullmatch("[3-9]|[1-9][0-9]{1,3}", str(value)):
            return str(value)
        return self.word(value, param, ctx)

    def word(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """``value`` as a part of a split; fails with the choices for any other."""
        word = super().convert(value, param, ctx)
        return _PART_NUMBERS.get(word, word)


def part_of_split(which: str) -> Literal["first", "second", "both"]:
    """The part of ``--part`` where there is no plan. BadParameter for the number of another."""
    context = click.get_current_context()
    (option,) = (one for one in context.command.params if one.name == "which")
    assert isinstance(option.type, PartChoice)
    return cast(Literal["first", "second", "both"], option.type.word(which, option, context))


class NumberRange(click.FloatRange):
    """As its base, without nan, which lies in no range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


def network_options(command: Command) -> Command:
    """``weights: str | None``, ``model: Path | None``: what load_weights takes."""
    return _add(
        command,
        click.option(
            "--weights",
            metavar="SPEC",
            help="digits (the default), bnn-pynq:DIR, brevitas:FILE.pth, "
            "brevitas:ARCHITECTURE:FILE.pth, FILE.npz, or a larger network by name: cnv-wide-w2a2, "
            "lfc-w1a1, mobilenetv1-w4a4, resnet18-w4a4 (the last for `dse plan` alone).",
        ),
        click.option(
            "--model",
            type=click.Path(path_type=Path),
            metavar="FILE.onnx",
            help="A QONNX file exported by Brevitas, in place of --weights.",
        ),
    )


def cut_options(command: Command) -> Command:
    """``splits: frozenset[int] | None`` (None: all); ``pool``: before, after or both."""
    return _add(
        command,
        click.option(
            "--split",
            "splits",
            type=SplitList(),
            multiple=True,
            metavar="K",
            callback=lambda _ctx, _param, given: (
                None if not all(given) or not given else frozenset().union(*given)
            ),
            help="Cut after layer K: 3, 0-5, 0,2,4 or all; may be repeated. [default: all]",
        ),
        click.option(
            "--pool",
            type=click.Choice(["before", "after", "both"]),
            default="before",
            show_default=True,
            help="Side of the cut on which a max-pool there stands.",
        ),
    )


def single_cut_options(command: Command) -> Command:
    """``split: int | None`` (None: do not cut); ``pool``: before or after. For choose_cut."""
    return _add(
        command,
        click.option("--split", type=int, metavar="K", help="Cut after layer K."),
        click.option(
            "--pool",
            type=click.Choice(["before", "after"]),
            default="before",
            show_default=True,
            help="Side of the cut on which a max-pool there stands.",
        ),
    )


def hardware_options(command: Command) -> Command:
    """``device: str | None``, ``board: str | None``, ``clock_mhz: float``, ``folding: str | None``.

    For choose_device and choose_folding.
    """
    return _add(
        command,
        click.option("--device", metavar="PART", help="Part name. [default: xc7z020clg400-1]"),
        click.option(
            "--board", metavar="NAME", help="A board in place of --device, such as Pynq-Z1."
        ),
        click.option(
            "--clock",
            "clock_mhz",
            type=Clock(),
            default=100.0,
            show_default=True,
            help="Clock frequency in MHz.",
        ),
        folding_option,
    )


#: Limits of one run of a vendor's tool.
_TOOL_LIMITS = (
    click.option(
        "--tool-hours",
        type=NumberRange(min=0, min_open=True),
        metavar="HOURS",
        help="Longest that one run of Vivado or Vitis HLS may take. [default: 12]",
    ),
    click.option(
        "--tool-memory",
        "tool_memory_gb",
        type=NumberRange(min=0, min_open=True),
        metavar="GIB",
        help="Most memory that one run of Vivado or Vitis HLS may take. [default: 32]",
    ),
)


def build_target_options(command: Command) -> Command:
    """``board_file: Path | None``, ``tool_hours``, ``tool_memory_gb: float | None``.

    For BuildTarget, beside :func:`hardware_options`.
    """
    return _add(
        command,
        click.option(
            "--board-file",
            type=click.Path(path_type=Path),
            metavar="FILE.toml",
            help="Boards that FINN does not know, for --board (docs/adding-a-board.md).",
        ),
        *_TOOL_LIMITS,
    )


def tool_limit_options(command: Command) -> Command:
    """``tool_hours``, ``tool_memory_gb: float | None``: for tool_limits."""
    return _add(command, *_TOOL_LIMITS)


def plan_option(command: Command) -> Command:
    """``plan: Path | None``: for use_plan; :func:`refuse_beside_plan` for what it says itself."""
    return _add(
        command,
        click.option(
            "--plan",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="plan.json of `dse plan`: its cuts, folding, devices and clocks.",
        ),
    )


def refuse_beside_plan(*parameters: str) -> None:
    """UsageError for the first of ``parameters`` that was given on the command line."""
    context = click.get_current_context()
    for parameter in context.command.params:
        if parameter.name not in parameters:
            continue
        if context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} and --plan: the plan says that")


def given_clock(clock_mhz: float) -> float | None:
    """The clock if it was said on the command line, None where it is the default."""
    source = click.get_current_context().get_parameter_source("clock_mhz")
    return None if source is ParameterSource.DEFAULT else clock_mhz


def folding_option(command: Command) -> Command:
    """``folding: str | None``: for choose_folding."""
    return _add(
        command,
        click.option(
            "--folding",
            metavar="published|auto|FILE",
            help="PE and SIMD per layer: published, auto (for 100,000 cycles per image), "
            "auto:CYCLES or a JSON file. [default: published if there is one, else auto]",
        ),
    )


def backend_option(command: Command) -> Command:
    """``backends: tuple[str, ...]``: names for load_backend, each once."""
    return _add(
        command,
        click.option(
            "--backend",
            "backends",
            multiple=True,
            default=DEFAULT_BACKENDS,
            show_default=True,
            metavar="NAME",
            callback=lambda _ctx, _param, given: tuple(dict.fromkeys(given)),
            help="What builds the points; may be repeated.",
        ),
    )


def out_option(command: Command) -> Command:
    """``out: Path``: the folder of a sweep."""
    return _add(
        command,
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            default=Path("build/sweep"),
            show_default=True,
            metavar="DIR",
            help="Folder of the result store, the table and the figures.",
        ),
    )


def workers_option(command: Command) -> Command:
    """``workers: int | None``: None for as many as the executor has room for."""
    return _add(
        command,
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Most points built at the same time. [default: the number of cores; with "
            "--executor dask what its workers have room for]",
        ),
    )


class ResourceAmount(click.ParamType[tuple[str, float]]):
    """``vivado=1``: a resource tag of Dask workers and how much of it one build takes."""

    name = "resource"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        match = _RESOURCE.fullmatch(value)
        amount = float(match[2]) if match else 0.0
        if match is None or not 0 < amount < math.inf:
            self.fail(f"{value[:40]!r} is not a tag and a number above 0, such as vivado=1")
        return match[1], amount


def executor_options(command: Command) -> Command:
    """What ExecutorChoice has beside ``workers``, and ``executor: str | None``, its name."""
    return _add(
        command,
        click.option(
            "--executor",
            metavar="local|dask",
            help="Where to build: in processes here, or on a Dask cluster. [default: local]",
        ),
        click.option(
            "--scheduler", metavar="tcp://HOST:PORT", help="The Dask scheduler of --executor dask."
        ),
        click.option(
            "--slurm",
            type=click.Path(path_type=Path),
            metavar="FILE.toml",
            help="Have Slurm start Dask workers as this file says, in place of --scheduler.",
        ),
        click.option(
            "--resource",
            "resources",
            multiple=True,
            type=ResourceAmount(),
            metavar="TAG=AMOUNT",
            callback=lambda _ctx, _param, given: dict(given) or None,
            help="What a Dask worker must offer for one build; may be repeated. "
            "[default: what the backend says]",
        ),
        click.option(
            "--wait",
            type=NumberRange(min=0),
            metavar="SECONDS",
            help="How long to wait while there is no worker that can build. "
            "[default: 60; with --slurm without end]",
        ),
        click.option(
            "--pull",
            is_flag=True,
            help="Let workers build on disks of their own and fetch what they made, even where "
            "they see --out.",
        ),
    )


def json_option(command: Command) -> Command:
    """``as_json: bool``."""
    return _add(
        command,
        click.option("--json", "as_json", is_flag=True, help="Print JSON (docs/formats.md)."),
    )


def _add(command: Command, *options: Callable[[Command], Command]) -> Command:
    # Reversed, as a stack of decorators is applied: help lists them as they stand here.
    for option in reversed(options):
        command = option(command)
    return command
