"""``dse hls`` and ``dse csim``: folders, exit codes, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dse.cli.csim import csim
from dse.cli.hls import hls
from dse.errors import DseError, InputError, NetworkError, OutputError
from finn_flows.network import Network
from finn_flows.network_file import save_network
from tests.random_networks import random_network

#: What a compiler may take for finn-hlslib, but no compiler compiles.
BROKEN = "#error this is not the library\n"


def saved(network: Network, folder: Path) -> list[str]:
    save_network(network, folder / "network.npz")
    return ["--weights", str(folder / "network.npz"), "--folding", "auto:2000"]


@pytest.fixture
def small(tmp_path: Path) -> list[str]:
    return saved(random_network(4), tmp_path)


def invoke(command: object, *arguments: str) -> Result:
    """As the group does it: what a user can put right is raised."""
    runner = CliRunner()
    result = runner.invoke(command, arguments, standalone_mode=False)  # type: ignore[arg-type]
    if isinstance(result.exception, DseError):
        raise result.exception
    return result


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_both_parts_are_written_and_replaced(small: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        result = invoke(hls, *small, "--split", "1", "--pool", "after", "--out", str(out))
        assert result.output.splitlines() == [str(out / "first"), str(out / "second")]
        assert names(out) == {"first", "second"}
    first, second = (
        json.loads((out / part / "part.json").read_text()) for part in ("first", "second")
    )
    assert first["split"] == second["split"]
    assert first["split"]["pool"] == "after"
    assert first["streams"]["output"] == second["streams"]["input"]
    assert (out / "first/images/expected.bin").read_bytes() == (
        out / "second/images/input.bin"
    ).read_bytes()


def test_one_part_or_the_whole_network(small: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke(hls, *small, "--split", "0", "--part", "second", "--out", str(out), "--json")
    assert json.loads(result.output) == {"folders": {"second": str(out / "second")}}
    invoke(hls, *small, "--board", "Pynq-Z1", "--out", str(out))
    assert names(out) == {"second", "whole"}
    whole = json.loads((out / "whole/part.json").read_text())
    assert (whole["split"], whole["kernel"], whole["device"]) == (
        None,
        "whole",
        "xc7z020clg400-1",
    )
    assert not (out / "whole/cut.h").exists()


def test_every_split_of_the_shipped_network(tmp_path: Path) -> None:
    for split in range(8):
        out = tmp_path / str(split)
        invoke(hls, "--split", str(split), "--out", str(out))
        for part in ("first", "second"):
            manifest = json.loads((out / part / "part.json").read_text())
            assert manifest["kernel"] == f"split{split}_{part}"


def test_nothing_of_others_is_replaced_and_nothing_left_behind(
    small: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "second").mkdir(parents=True)
    (out / "second/thesis.tex").write_text("years of work\n")
    with pytest.raises(OutputError, match="something else stands there"):
        invoke(hls, *small, "--split", "0", "--out", str(out))
    assert names(out) == {"second"}


def test_what_the_library_cannot_carry_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    network = random_network(1, layers=("conv8", "dense5"), padding=(1, 1))
    out = tmp_path / "out"
    with pytest.raises(NetworkError, match=r"conv0 pads by .* for finn-hlslib"):
        invoke(hls, *saved(network, tmp_path), "--out", str(out))
    assert names(out) == set()


def test_a_part_of_no_split(small: list[str], tmp_path: Path) -> None:
    result = invoke(hls, *small, "--part", "first", "--out", str(tmp_path / "out"))
    assert "give --split, too" in str(result.exception)
    with pytest.raises(InputError, match="has no layers"):
        invoke(hls, *small, "--split", "4", "--out", str(tmp_path / "out"))


def test_csim_says_what_is_missing(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINN_HLSLIB", raising=False)
    monkeypatch.setenv("FINN_DEPS", str(tmp_path / "none"))
    with pytest.raises(InputError, match="finn-hlslib was not found"):
        invoke(csim, *small, "--split", "0")
    with pytest.raises(InputError, match=r"no bnn-library\.h"):
        invoke(csim, *small, "--split", "0", "--hlslib", str(tmp_path))


def test_csim_with_a_library_that_does_not_compile(
    small: list[str], tmp_path: Path, in_simulation_cache: None
) -> None:
    for name in ("bnn-library.h", "ap_int.h", "hls_stream.h"):
        (tmp_path / name).write_text(BROKEN)
    with pytest.raises(DseError, match=r"the C\+\+ compiler, on split0_first: .*not the library"):
        invoke(csim, *small, "--split", "0", "--hlslib", str(tmp_path), "--ap-types", str(tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("in_simulation_cache")
class TestWithTheRealLibrary:
    """Where FINN_HLSLIB names a checkout of finn-hlslib, and ap_int.h is found."""

    @pytest.fixture(autouse=True)
    def library(self) -> None:
        from hls_templates.headers import find_ap_types, find_hlslib

        try:
            find_hlslib()
            find_ap_types()
        except InputError as error:
            pytest.skip(str(error))

    def test_every_word_is_compared(self, small: list[str]) -> None:
        result = invoke(csim, *small, "--split", "1", "--frames", "3", "--json")
        data = json.loads(result.stdout)
        assert (result.return_value, data["identical_to_network"]) == (0, True)
        assert (data["images"], len(data["results"])) == (3, 3)
        first, second = data["kernels"]
        assert (first["part"], second["part"]) == ("first", "second")
        assert first["output_words_per_image"] == second["input_words_per_image"]
        assert first["first_difference"] is second["first_difference"] is None
        assert second["compile_seconds"] > 0
        again = json.loads(invoke(csim, *small, "--split", "1", "--frames", "3", "--json").stdout)
        assert again["kernels"][0]["compile_seconds"] is None
        assert again["results"] == data["results"]

    def test_a_difference_is_an_exit_code_and_one_line(
        self, small: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hls_templates import kernel_files

        right = kernel_files.memory_files

        def wrong(*arguments: object) -> dict[str, bytes]:
            files = right(*arguments)  # type: ignore[arg-type]
            return {name: bytes(len(data)) for name, data in files.items()}

        monkeypatch.setattr(kernel_files, "memory_files", wrong)
        result = invoke(csim, *small, "--frames", "2")
        assert result.return_value == 1
        (line,) = (line for line in result.stderr.splitlines() if "differs" in line)
        assert line.startswith("whole differs: image 0 (random-0), value [")
        assert "]: 0, but the network gives" in line
        assert "every word is" not in result.stdout
