"""The command line ``dse``: one group, one file per command, errors handled in one place.

Exit codes: 0 done; 1 a design point failed, the reader of our output went away, or a bug of ours;
2 the user can put it right (bad option, bad file, store in use, disk full); 130 interrupted; 129 or
143 ended by SIGHUP or SIGTERM.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from dse.cli.ending_signals import Terminated, ending_signals
from dse.cli.standard_streams import prepare_standard_streams, silence_output
from dse.cli.strict_group import StrictGroup
from dse.errors import DseError, OutputError

#: Every command with its short help, in the order of use. ``dse/cli/<name>.py`` holds the command
#: as an attribute of the same name (_ for -). The help is here so that ``dse --help`` imports none.
COMMANDS = {
    "sweep": "Build every candidate split and tabulate what it uses.",
    "table": "Print the table of a finished sweep.",
    "choose": "Name a split of a finished sweep, and say why none of the others.",
    "plan": "Find the best cuts, foldings and boards for a network, proved and explained.",
    "report": "Read reports of Vivado or HLS, or import runs into a sweep.",
    "run": "Classify pictures with the network, whole or in two parts.",
    "build": "Build the parts of a split as folders that stand alone.",
    "simulate": "Simulate the circuit of the network or a part, cycle by cycle.",
    "hls": "Write the parts of a split as kernels in HLS C++.",
    "csim": "Run both kernels of a split in C simulation, against the network.",
    "deploy": "Run the parts of a network on boards, as a pipeline.",
    "simulate-cluster": "Model 2 to 1000 boards, from the measured times of a few.",
    "infer": "Classify pictures with the pipeline that `dse deploy --serve` keeps up.",
    "boards": "Name the boards to deploy to, check them, make keys.",
    "train": "Train the default network on handwritten digits.",
    "export": "Write the network as QONNX or standard ONNX.",
    "doctor": "Show what is installed and what each backend needs.",
}

EXIT_BUG = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 1  # as click has it


class CommandGroup(StrictGroup):
    """Imports a command only when it is called, and turns every exception into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"{__name__}.{name}"), name)
        assert isinstance(command, click.Command)
        command.short_help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Before click sees it, which would print an empty line of its own.
            raise click.Abort from None

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given
        if debug:
            # People add it to the line that failed, so it may stand behind the command, too.
            given = ["--debug", *(argument for argument in given if argument != "--debug")]
        prepare_standard_streams()
        try:
            with ending_signals():
                code = super().main(given, *rest, **extra)
                sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(EXIT_USER_ERROR)
        except click.Abort:
            _complain("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        except Terminated as error:
            _complain(f"ended by {error}")
            sys.exit(error.exit_code)
        except (DseError, click.ClickException) as error:
            if debug:
                _print_traceback()
            message = str(error) if isinstance(error, DseError) else error.format_message()
            _complain("error: " + " ".join(message.split()))
            _flush_or_silence_output()
            sys.exit(EXIT_USER_ERROR)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                silence_output()
                sys.exit(EXIT_BROKEN_PIPE)
            if debug:
                _print_traceback()
            what = " ".join(f"{type(error).__name__}: {error}".split())
            _complain(f"error: {what}; this is a bug; rerun with --debug")
            sys.exit(EXIT_BUG)
        sys.exit(code if isinstance(code, int) else 0)


def _complain(line: str) -> None:
    # Where nobody can be told, the exit code still tells.
    with suppress(OSError):
        click.echo(f"dse: {line}", err=True)


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _flush_or_silence_output() -> None:
    """Once it is said that the output cannot be written, the interpreter need not try again."""
    try:
        sys.stdout.flush()
    except (OutputError, OSError):
        silence_output()


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="split-dse", prog_name="dse")
def main(debug: bool) -> None:
    """Where do I cut a quantised network over several FPGA boards? Evidence per split point."""
