"""FINN within a build: what it may change, and how its tools are started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from dse.errors import BuildError, NetworkError
from finn_flows.vivado.finn_session import FinnTools, finn_session, read_tool_script
from finn_flows.vivado.installation import VivadoInstallation


def script(folder: Path, text: str) -> Path:
    path = folder / "run.sh"
    path.write_text(text)
    return path


def test_a_script_of_finns_is_one_command_in_a_folder(tmp_path: Path) -> None:
    for start in ("#!/bin/bash \n", "#!/bin/bash \nset -e\n"):
        text = f"{start}cd /some/where\nvivado -mode batch -source it.tcl\n\ncd /work\n"
        found = read_tool_script(script(tmp_path, text))
        assert found.command == ("vivado", "-mode", "batch", "-source", "it.tcl")
        assert found.directory == Path("/some/where")


@pytest.mark.parametrize(
    "text", ["", "vivado\n", "cd /a\nvivado\nvitis_hls\ncd /b\n", "vivado\ncd /a\ncd /b\n"]
)
def test_a_script_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="not of the known form"):
        read_tool_script(script(tmp_path, text))


def test_tools_are_started_by_the_caller_of_finn_alone(tmp_path: Path) -> None:
    from finn.util import hls

    asked: list[tuple[Sequence[str], Path]] = []
    installation = VivadoInstallation("2022.2", tmp_path)
    path = script(tmp_path, f"#!/bin/bash\ncd {tmp_path}\nvitis_hls it.tcl\ncd /\n")
    tools = FinnTools(installation, lambda command, folder: asked.append((command, folder)))
    before = hls.launch_process_helper
    with finn_session(tmp_path, tools=tools):
        assert hls.get_vivado_version() == (2022, 2)
        assert hls.launch_process_helper(["bash", str(path)], print_stdout=False) == ("", "")
        with pytest.raises(BuildError, match="unknown way: rm -rf /"):
            hls.launch_process_helper(["rm", "-rf", "/"])
    assert asked == [(("vitis_hls", "it.tcl"), tmp_path)]
    assert hls.launch_process_helper is before
    with (
        pytest.raises(BuildError, match="a step that needs no tool"),
        finn_session(tmp_path),
    ):
        hls.launch_process_helper(["bash", str(path)])


def test_finn_is_afterwards_as_it_was(tmp_path: Path) -> None:
    from finn.util import settings
    from finn.util.basic import make_build_dir

    before = dict(os.environ), settings._SETTINGS, Path.cwd()
    with finn_session(tmp_path, jobs=3):
        made = Path(make_build_dir("some_"))
        assert made.parent == tmp_path
        assert settings.get_settings().num_default_workers == 3
        assert Path(os.environ["FINN_RTLLIB"]).is_dir()
    assert (dict(os.environ), settings._SETTINGS, Path.cwd()) == before


def test_what_finn_prints_is_in_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "finn.log"
    for word in ("one", "two"):
        with finn_session(tmp_path, log=log):
            print(word)
    assert log.read_text() == "one\ntwo\n"
    assert capfd.readouterr() == ("", "")


def test_what_finn_raises_is_an_error_of_the_build(tmp_path: Path) -> None:
    said = "FINN: AssertionError: without a message"
    with pytest.raises(BuildError, match=said), finn_session(tmp_path):
        raise AssertionError
    with pytest.raises(NetworkError, match="ours"), finn_session(tmp_path):
        raise NetworkError("ours")
    with pytest.raises(OSError, match="disk"), finn_session(tmp_path):
        raise OSError(28, "disk")
