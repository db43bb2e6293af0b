"""node.pyz: small, the same every time, and at home on a board with nothing but numpy and pyzmq."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dse.deploy.zipapp_build import EMPTY_PACKAGES, SHARED_MODULES, build_node_zipapp
from dse.errors import OutputError

PROJECT = Path(__file__).resolve().parents[3]
MOST_BYTES = 200_000
VERMIN = "from vermin.main import main; main()"

IMPORT_ALL = """
import importlib, sys, zipfile
archive, libraries = sys.argv[1:]
before = set(sys.modules)
sys.path[:] = [archive, *sys.path, libraries]
for name in zipfile.ZipFile(archive).namelist():
    module = name[: -len(".py")].replace("/", ".")
    if module.endswith("__main__") and module != "dse.deploy.node.__main__":
        continue
    importlib.import_module(module[: -len(".__init__")] if module.endswith("__init__") else module)
known = {*sys.stdlib_module_names, "numpy", "zmq", "dse", "finn_flows", "__main__"}
# What Cython makes up in memory (of pyzmq) comes from no file.
new = [name for name in set(sys.modules) - before if getattr(sys.modules[name], "__file__", None)]
ours = {name.partition(".")[0] for name in new}
print(*sorted(ours - known))
for name, module in sys.modules.items():
    if name.partition(".")[0] in ("dse", "finn_flows"):
        assert module.__file__.startswith(archive), module
"""


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_node_zipapp(tmp_path_factory.mktemp("zipapp") / "node.pyz")


def test_it_is_small_and_the_same_every_time(zipapp: Path, tmp_path: Path) -> None:
    content = zipapp.read_bytes()
    assert content.startswith(b"#!/usr/bin/env python3\n")
    assert len(content) <= MOST_BYTES
    assert build_node_zipapp(tmp_path / "deep" / "again.pyz").read_bytes() == content
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["again.pyz"]


def test_it_holds_the_board_side_and_nothing_else(zipapp: Path) -> None:
    with zipfile.ZipFile(zipapp) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
        assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())
    empty = {f"{package}/__init__.py" for package in EMPTY_PACKAGES}
    node = {str(path.relative_to(PROJECT)) for path in (PROJECT / "dse/deploy/node").rglob("*.py")}
    assert "dse/deploy/node/__main__.py" in node
    assert set(held) == {"__main__.py", *empty, *SHARED_MODULES, *node}
    assert all(held[name] == b"" for name in empty)
    for name in (*SHARED_MODULES, *node):
        assert held[name] == (PROJECT / name).read_bytes(), name


def test_everything_in_it_is_python_3_8(zipapp: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipapp) as archive:
        archive.extractall(tmp_path)
    checker = [sys.executable, "-c", VERMIN, "--no-tips", "-t=3.8-", str(tmp_path)]
    checked = subprocess.run(checker, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    # The checker does check: a newer thing among them is found.
    (tmp_path / "newer.py").write_text("match 1:\n    case 1:\n        pass\n")
    assert subprocess.run(checker, capture_output=True).returncode == 1


def test_it_imports_nothing_but_numpy_and_pyzmq(zipapp: Path, tmp_path: Path) -> None:
    """In an interpreter that has nothing else, and finds nothing of the checkout."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for name in ("numpy", "zmq"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        (libraries / name).symlink_to(package)
        for bundled in package.parent.glob(f"*{name}.libs"):
            (libraries / bundled.name).symlink_to(bundled)
    script = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(zipapp), str(libraries)]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_it_runs(zipapp: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(zipapp), "manage", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert "--folder" in done.stdout


def test_an_installed_copy_builds_the_same(zipapp: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for package in ("dse", "finn_flows"):
        shutil.copytree(
            PROJECT / package,
            site / package,
            ignore=lambda _, names: [
                name for name in names if not name.endswith(".py") and "." in name
            ],
        )
    program = (
        "import sys; from pathlib import Path; import dse.deploy.zipapp_build as z; "
        "assert z.__file__.startswith(sys.argv[1]); "
        "z.build_node_zipapp(Path(sys.argv[2]))"
    )
    built = tmp_path / "installed.pyz"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(site), str(built)],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert built.read_bytes() == zipapp.read_bytes()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        build_node_zipapp(tmp_path / "file" / "node.pyz")
