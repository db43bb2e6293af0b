"""The command line as a person meets it: quick help, one clear line for every mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dse.cli import COMMANDS, EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, main
from dse.errors import InputError
from finn_flows.backends import BACKENDS
from tests.dse.sandbox import PROJECT, SLUGS, Sandbox

HEAVY = ("brevitas", "finn", "matplotlib", "onnx", "onnxruntime", "pandas", "qonnx", "torch")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = "from dse.cli import main; main(prog_name='dse')"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd or PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As :func:`run`, without a process of its own: quicker."""
    result = CliRunner().invoke(main, list(arguments), prog_name="dse")
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


def error_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a mistake of the user."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("dse: error: ")
    return line.removeprefix("dse: error: ")


def loaded_modules(*arguments: str, cwd: Path, sleeping: bool = False) -> set[str]:
    """The top-level modules that a command leaves loaded."""
    program = (
        "import sys\n"
        "from dse.cli import main\n"
        + ("import tests.dse.run_dse as r\nr.BACKENDS['sleeping'] = " if sleeping else "unused = ")
        + "'tests.dse.sleeping_backend:SleepingBackend'\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "SLEEPING_BACKEND_ORDERS": str(cwd / "orders"),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


def test_help_lists_every_command_at_once() -> None:
    walls = []
    for _ in range(5):
        begun = time.perf_counter()
        result = run("--help")
        walls.append(time.perf_counter() - begun)
    assert result.returncode == 0
    for name, text in COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert text in " ".join(result.stdout.split())
    assert min(walls) < 0.3, walls


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_modules("--help", cwd=PROJECT)
    assert not loaded & {*HEAVY, "numpy", "pydantic", "rich", "finn_flows", "reports"}
    for command in ("sweep", "table", "train"):
        assert not loaded_modules(command, "--help", cwd=PROJECT) & {*HEAVY, "numpy", "pydantic"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_file_and_a_help(name: str) -> None:
    module = name.replace("-", "_")
    command = getattr(import_module(f"dse.cli.{module}"), module)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").strip()
    assert all(
        isinstance(option, click.Argument) or option.help  # type: ignore[attr-defined]
        for option in command.params
    )


def test_version() -> None:
    assert run("--version").stdout.split()[-1] == version("split-dse")


def test_a_mistake_on_the_command_line_is_one_line_with_the_choices() -> None:
    assert error_line(run("swep")) == f"no such command 'swep' (choose from {', '.join(COMMANDS)})"
    assert "No such option '--bad'" in error_line(invoke("sweep", "--bad"))
    line = error_line(invoke("sweep", "--pool", "beside"))
    assert "'beside'" in line
    assert all(f"'{side}'" in line for side in ("before", "after", "both"))
    for value in ("x", "5-3", "1,,2", "-1", "1.5", "٣"):
        assert f"{value!r} is not a layer number" in error_line(invoke("sweep", f"--split={value}"))
    for value in ("0", "fast", "-5", "100GHz", "nan", "1e3", "٣", "0.0009", "10001", "9" * 400):
        line = error_line(invoke("sweep", f"--clock={value}"))
        assert "is not a frequency from 0.001 to 10000 MHz" in line
        assert len(line) < 200
    assert "x>=1" in error_line(invoke("sweep", "--workers", "0"))
    assert "'text', 'csv', 'json', 'md', 'tex'" in error_line(invoke("table", "--format", "pdf"))


def options_with_a_value() -> list[tuple[str, str]]:
    """(command, option) for every option of every command that takes a value."""
    found = []
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag:
                found.append((name, option.opts[0]))
    return found


@pytest.mark.parametrize(("command", "option"), options_with_a_value())
def test_an_empty_value_is_refused(command: str, option: str, tmp_path: Path) -> None:
    for arguments in ((option, ""), (f"{option}=",)):
        line = error_line(invoke(command, *arguments))
        assert line == f"Invalid value for '{option}': is empty"


def test_an_empty_file_name_is_refused() -> None:
    assert error_line(invoke("run", "")) == "Invalid value for '[PICTURES]...': is empty"


def test_what_would_be_ignored_is_refused(tmp_path: Path) -> None:
    line = error_line(invoke("run", "picture.png", "--images", "3"))
    assert line == "images limits the held-out digits, but other pictures are given"
    no_cut = "pool after the cut, but there is no cut; expected a split with it"
    assert error_line(invoke("run", "--digits", "--pool", "after")) == no_cut
    out = tmp_path / "net.onnx"
    assert error_line(invoke("export", "--pool", "after", "--out", str(out))) == no_cut
    line = error_line(invoke("export", "--folding", "auto", "--out", str(out)))
    assert line == "--folding is for --format bnn-pynq; onnx has no folding"
    assert not out.exists()


@pytest.fixture
def in_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as the place where :func:`invoke` runs, with the sleeping backend."""
    monkeypatch.chdir(sandbox.folder)
    monkeypatch.setitem(BACKENDS, "sleeping", "tests.dse.sleeping_backend:SleepingBackend")
    return sandbox


def test_a_wrong_value_is_one_line_with_the_choices(in_sandbox: Sandbox) -> None:
    def line(*more: str) -> str:
        result = invoke(*in_sandbox.sweep_arguments(*more))
        assert not in_sandbox.out.exists()
        return error_line(result)

    assert line("--split", "0-3") == "small has no split 3 (choose from 0, 1, 2)"
    known = line("--board", "Arty")
    assert known.startswith("unknown board 'Arty' (choose from ")
    assert "Pynq-Z1" in known
    assert line("--board", "pynq-z1", "--device", "xczu3eg-sbva484-1-e") == (
        "board pynq-z1 carries xc7z020clg400-1, not xczu3eg-sbva484-1-e"
    )
    assert line("--device", "xc6slx9").startswith("unknown device 'xc6slx9'; expected ")
    assert line("--backend", "quartus").startswith("unknown backend 'quartus' (choose from estim")
    assert line("--weights", "mnist").startswith("unknown weights 'mnist' (choose from digits, ")
    assert line("--folding", "wide") == (
        "unknown folding 'wide' (choose from published, auto, auto:CYCLES, FILE.json)"
    )
    assert line("--folding", "auto:0").startswith("folding 'auto:0'; expected a number of cycles")
    assert line("--folding", "published").startswith("no folding is published for small")
    assert line("--folding", "none.json") == "none.json: cannot be read: No such file or directory"
    assert "none.npz: " in line("--weights", "none.npz")
    assert line("--weights", "ex/a:b.npz").startswith("ex/a:b.npz: cannot read: ")
    assert line("--weights", "x" * 5000).startswith("unknown weights 'xxx")
    assert line("--model", "none.onnx").startswith("--weights and --model both name a network")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "not a folding: Invalid JSON"),
        ("[]", "not a folding: Input should be an object"),
        ('{"layers": [{"simd": 3}]}', "not a folding: layer 0, pe: Field required"),
        ('{"layers": [{"simd": 3, "pe": "2"}]}', "layer 0, pe: Input should be a valid integer"),
        ('{"layers": [{"simd": 0, "pe": 2}]}', "layer 0, simd: Input should be greater than"),
        ('{"layers": [], "clock": 3}', "clock: Extra inputs are not permitted"),
        ('{"layers": [{"simd": 3, "pe": 2}]}', "has 1 layers; expected 3, as small has"),
        (
            '{"layers": [{"simd":3,"pe":2},{"simd":3,"pe":4},{"simd":8,"pe":5}]}',
            "SIMD 3 of layer 1 does not divide 4 (choose from 1, 2, 4)",
        ),
    ],
)
def test_a_wrong_folding_file_is_one_line(in_sandbox: Sandbox, text: str, error: str) -> None:
    (in_sandbox.folder / "wrong.json").write_text(text)
    line = error_line(invoke(*in_sandbox.sweep_arguments("--folding", "wrong.json")))
    assert line.startswith("wrong.json: ")
    assert error in line


def test_a_sweep_prints_and_writes_the_table(sandbox: Sandbox) -> None:
    first = sandbox.sweep()
    assert first.returncode == 0, first.stderr
    lines = first.stderr.splitlines()
    assert lines[0] == "sleeping: 8 points to build on 2 workers, 1 known"
    assert len(lines) == 1 + len(SLUGS)
    files = {path.name: path.read_bytes() for path in sandbox.out.iterdir() if path.is_file()}
    assert {
        *("sweep.json", "report.json", "table1.csv", "table1.json", "table1.md", "table1.tex"),
        *("fig4a.svg", "fig4a.png", "fig4b.svg", "fig4b.png", "report.html"),
    } == set(files)
    stamps = {name: (sandbox.out / name).stat().st_mtime_ns for name in files}

    second = sandbox.sweep()
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")
    assert {name: (sandbox.out / name).stat().st_mtime_ns for name in files} == stamps

    table = sandbox.run("table", "--out", str(sandbox.out))
    assert (table.returncode, table.stdout, table.stderr) == (0, first.stdout, "")
    for kind in ("csv", "json", "md", "tex"):
        text = sandbox.run("table", "--out", str(sandbox.out), "--format", kind).stdout
        assert text.encode() == files[f"table1.{kind}"]
    assert (
        sandbox.run("table", "--out", str(sandbox.out), "--json").stdout.encode()
        == (files["table1.json"])
    )


def test_a_changed_report_is_written_again(sandbox: Sandbox) -> None:
    sandbox.sweep()
    before = {path.name: path.read_bytes() for path in sandbox.out.iterdir() if path.is_file()}
    (sandbox.out / "table1.csv").write_text("edited")
    assert sandbox.sweep().returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS)
    for name, content in before.items():
        assert (sandbox.out / name).read_bytes() == content


def test_a_known_sweep_and_a_table_load_nothing_heavy(sandbox: Sandbox) -> None:
    sandbox.sweep()
    arguments = sandbox.sweep_arguments()
    loaded = loaded_modules(*arguments, cwd=sandbox.folder, sleeping=True)
    assert "rich" in loaded
    assert not loaded & set(HEAVY)
    assert not loaded_modules("table", "--out", "out", cwd=sandbox.folder) & set(HEAVY)
    walls = []
    for _ in range(3):
        begun = time.perf_counter()
        assert sandbox.run("table", "--out", "out").returncode == 0
        walls.append(time.perf_counter() - begun)
    assert min(walls) < 1.5


def test_sweep_as_json_has_the_documented_keys(sandbox: Sandbox) -> None:
    sandbox.order("0-second", "error")
    result = sandbox.sweep("--json")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line == "dse: 1 of 9 points failed: split 0, second part"
    data = json.loads(result.stdout)
    assert list(data) == ["format", "version", "network", "counts", "points", "files"]
    assert data["counts"] == {"empty": 1, "cached": 0, "built": 7, "failed": 1}
    assert [point["state"] for point in data["points"]] == [
        *("built", "built", "failed", *["built"] * 5, "empty")
    ]
    for point in data["points"]:
        assert list(point) == ["key", "state", "folder", "record"]
        assert point["folder"] is None or Path(point["folder"]).is_dir()
    assert data["points"][2]["record"]["error"] == "somewhere: conv0 cannot be built"
    assert data["points"][2]["record"]["utilization"] is None
    assert all(Path(name).is_file() for name in data["files"])
    formats = (PROJECT / "docs" / "formats.md").read_text()
    section = formats.partition("## `dse sweep --json`")[2].partition("\n## ")[0]
    for key in (*data, *data["network"], *data["counts"], *data["points"][0]):
        assert f"`{key}`" in section, key


def test_failed_points_are_named_and_the_table_is_still_there(sandbox: Sandbox) -> None:
    sandbox.order("whole", "bug")
    result = sandbox.sweep()
    assert result.returncode == 1
    assert "failed" in result.stdout
    lines = result.stderr.splitlines()
    assert lines[-1] == "dse: 1 of 9 points failed: whole network"
    log = Path(lines[-2].partition("log: ")[2])
    assert "ZeroDivisionError" in log.read_text()
    assert (sandbox.out / "table1.md").is_file()


def test_a_table_of_nothing_is_one_line(sandbox: Sandbox) -> None:
    line = error_line(sandbox.run("table", "--out", "nowhere"))
    assert line.startswith("nowhere: nothing was swept here; expected ")
    sandbox.sweep()
    path = sandbox.out / "sweep.json"
    whole = path.read_text()
    for text in ("", whole[:-100], "[]", "{}", whole.replace('"version": 1', '"version": 2')):
        path.write_text(text)
        assert error_line(sandbox.run("table", "--out", "out")).startswith("out/sweep.json: ")
    data = json.loads(whole)
    path.write_text(json.dumps(data | {"records": []}))
    for command in ("table", "choose"):
        line = error_line(sandbox.run(command, "--out", "out"))
        assert line == "out/sweep.json: damaged: holds no records; sweep again"
    path.write_text(whole.replace('"lut": 5.0', '"lut": "five"'))
    assert "not a sweep record" in error_line(sandbox.run("table", "--out", "out"))


def test_an_output_folder_that_cannot_be(sandbox: Sandbox) -> None:
    sandbox.out.write_text("a file")
    assert "not a folder" in error_line(sandbox.sweep())
    assert sandbox.out.read_text() == "a file"


def test_an_output_that_cannot_be_written(sandbox: Sandbox) -> None:
    (sandbox.out / "sweep.json").mkdir(parents=True)
    result = sandbox.sweep()
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(
        f"dse: error: {sandbox.out}/sweep.json: cannot"
    )
    (sandbox.out / "sweep.json").rmdir()
    assert sandbox.sweep().returncode == 0
    assert sum(sandbox.builds().values()) == len(SLUGS)


def test_a_terminal_of_few_letters_still_gets_the_table(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = sandbox.sweep()
    assert result.returncode == 0, result.stderr
    assert "small on xc7z020clg400-1" in result.stdout


def test_a_reader_that_goes_away_is_no_error(sandbox: Sandbox) -> None:
    process = sandbox.start("--help")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == EXIT_BROKEN_PIPE


def in_process(error: BaseException, *options: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a command that raises ``error``."""

    @click.command()
    def table() -> None:
        raise error

    monkeypatch.setattr("dse.cli.table.table", table)
    return CliRunner().invoke(main, [*options, "table"], prog_name="dse")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("bad\nvalue", where="f.json"), 2, "dse: error: f.json: bad value"),
        (KeyboardInterrupt(), EXIT_INTERRUPTED, "dse: interrupted"),
        (
            ValueError("two\nlines"),
            1,
            "dse: error: ValueError: two lines; this is a bug; rerun with --debug",
        ),
    ],
)
def test_every_exception_is_one_line(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = in_process(error, monkeypatch=monkeypatch)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", line + "\n")


def test_debug_may_stand_behind_the_command() -> None:
    result = run("run", "--digits", "--split", "99", "--debug")
    assert result.returncode == 2
    assert result.stderr.startswith("Traceback")


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    result = in_process(ValueError("why"), "--debug", monkeypatch=monkeypatch)
    assert result.stderr.startswith("Traceback")
    assert result.exit_code == 1
    result = in_process(InputError("why"), "--debug", monkeypatch=monkeypatch)
    assert result.stderr.startswith("Traceback")
    assert result.exit_code == 2
