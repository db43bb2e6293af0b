"""The documentation builds without a warning, and names nothing that is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from click import Context

import dse
from dse.cli import COMMANDS, main
from finn_flows.weights import FORMS

PROJECT = Path(__file__).resolve().parents[2]


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    build = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"),
            *("docs", str(tmp_path / "html")),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert (build.returncode, build.stderr) == (0, "")
    assert (tmp_path / "html" / "tutorial.html").is_file()


def test_every_public_function_is_in_the_reference() -> None:
    reference = (PROJECT / "docs" / "api.rst").read_text()
    for name in dse.__all__:
        assert re.search(rf"\b(dse\.api\.{name}|dse\.errors)\b", reference), name


def test_every_command_is_in_the_readme() -> None:
    readme = (PROJECT / "README.md").read_text()
    for name in COMMANDS:
        assert f"dse {name}" in readme, name


def test_every_form_of_weights_is_in_the_readme_and_in_the_help() -> None:
    options = main.get_command(Context(main), "sweep").params
    (help_text,) = [option.help for option in options if option.name == "weights"]
    readme = (PROJECT / "README.md").read_text()
    for form in FORMS:
        assert form.replace("DIRECTORY", "DIR") in readme, form
        assert form.replace("DIRECTORY", "DIR") in help_text, form


def test_every_file_that_a_page_links_to_is_there() -> None:
    for page in (*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
