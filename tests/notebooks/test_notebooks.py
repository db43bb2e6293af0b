"""Every notebook runs from top to bottom, and is stored without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def outputs_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "01_table1.ipynb",
        "02_fig4.ipynb",
        "03_your_own_network.ipynb",
        "04_planning.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert outputs_of(notebook) == []
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them run: the second finds the sweep of the first, as a reader's does."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize(
    "path",
    [
        # They train, or ask FINN for every folding: the first two stand for them in `make test`.
        pytest.param(path, marks=pytest.mark.slow if path.stem[:2] in ("01", "03", "04") else ())
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs(path: Path, folder: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute()
    outputs = outputs_of(notebook)
    warnings = [out.text for out in outputs if out.get("name") == "stderr"]
    assert warnings == [], "a reader would wonder"
    if path.stem == "02_fig4":
        shown = [out for out in outputs if "image/png" in out.get("data", {})]
        assert len(shown) == 3
    if path.stem == "03_your_own_network":
        assert outputs[-1].data["text/plain"] == "[True, True, True]"
    if path.stem == "04_planning":
        printed = "".join(out.text for out in outputs if out.get("name") == "stdout")
        assert "cut after layers (5,)" in printed
        assert "images/s at most" in printed
        assert sum("image/png" in out.get("data", {}) for out in outputs) == 1
