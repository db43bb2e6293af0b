"""``import dse``: few names, each there, typed, documented and cheap to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dse
from dse.errors import CutError, InputError
from finn_flows.digits import load_digits_split


@pytest.mark.parametrize("name", dse.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(dse, name)
    assert callable(found), f"{name} is hidden by a module of the same name"
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        signature = inspect.signature(found)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, parameter


@pytest.mark.parametrize("name", dse.__all__)
def test_no_module_has_a_public_name(name: str) -> None:
    """Importing ``dse.sweep`` the module would replace ``dse.sweep`` the function."""
    assert not (Path(dse.__file__).parent / f"{name}.py").exists()
    assert not (Path(dse.__file__).parent / name).exists()


def test_importing_costs_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import dse; dse.__doc__; "
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    roots = {module.partition(".")[0] for module in found.stdout.split()}
    assert not roots & {"numpy", "pandas", "torch", "finn", "qonnx", "onnx", "matplotlib"}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> object:
    return dse.sweep(
        splits=[3, 5],
        pool="both",
        backends=["estimate"],
        out=tmp_path_factory.mktemp("api"),
    )


def test_a_sweep_gives_tables_and_figures(sweep: object) -> None:
    from dse.swept import Sweep

    assert isinstance(sweep, Sweep)
    percent = dse.table(sweep)
    assert list(percent.index) == [3, 5]
    assert percent.loc[5, ("lut", "paper")] == 58.35
    assert percent.loc[5, ("bram", "finn-estimate")] == pytest.approx(77.5 / 140 * 100)
    assert ("ff", "finn-estimate") not in percent.columns, "unknown, so not a column of zeros"
    after = dse.table(sweep, "used", "second", "after")
    before = dse.table(sweep, "used", "second")
    assert after.loc[3, ("lut", "finn-estimate")] > before.loc[3, ("lut", "finn-estimate")]
    assert after.loc[5].equals(before.loc[5])
    assert len(dse.table(sweep, part="whole")) == 1
    for drawing in (sweep.fig4a(), sweep.fig4b()):
        assert drawing.png.startswith(b"\x89PNG")
        assert b"<svg" in drawing.svg


def test_an_opened_sweep_has_the_same_records(sweep: object) -> None:
    from dse.swept import Sweep

    assert isinstance(sweep, Sweep)
    opened = dse.open_sweep(sweep.out)
    assert opened.records == sweep.records
    assert dse.table(sweep.out).equals(dse.table(opened))


def test_choose_reads_a_sweep_or_its_folder(sweep: object) -> None:
    from dse.swept import Sweep

    assert isinstance(sweep, Sweep)
    choice = dse.choose(sweep, by="traffic", regions=["small:lut=100"])
    assert choice.split == 5
    assert {(one.split, one.pool) for one in choice.rejected} == {(3, "before"), (3, "after")}
    assert dse.choose(sweep.out, by="traffic", regions=["small:lut=100"]) == choice


def test_cut_and_run() -> None:
    parts = dse.cut("digits", 5)
    assert parts.bytes_per_image == 64
    assert [number for number, _ in parts.second.numbered()] == [6, 7, 8]
    pixels, _ = load_digits_split("test")
    by_pixels = dse.run(None, pixels[:5], split=5)
    by_name = dse.run(None, "digits", images=5)
    assert by_pixels.split is not None
    assert by_pixels.split.identical
    assert [image.logits for image in by_pixels.images] == [i.logits for i in by_name.images]
    assert by_pixels.accuracy is None
    assert by_name.labelled == 5


def test_a_part_that_differs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with the unsplit network is a real one."""
    from finn_flows.cut import CutTensor

    monkeypatch.setattr(CutTensor, "unpack", lambda self, words: np.ones((len(words), *self.shape)))
    found = dse.run(None, "digits", images=3, split=5)
    assert found.split is not None
    assert not found.split.identical


def test_mistakes_are_dse_errors(tmp_path: Path) -> None:
    with pytest.raises(CutError, match="choose from 0, 1"):
        dse.cut(None, 12)
    with pytest.raises(InputError, match="choose from estimate"):
        dse.sweep(backends=["magic"], out=tmp_path)
    with pytest.raises(dse.DseError, match="nothing was swept here"):
        dse.table(tmp_path)
    with pytest.raises(dse.DseError, match="choose from digits"):
        dse.load("imagenet")
    with pytest.raises(dse.DseError, match="unknown weights ''"):
        dse.load("")
    with pytest.raises(InputError, match=r"a clock of 1e\+29 MHz; expected 0.001 to 10000 MHz"):
        dse.sweep(clock_mhz=1e29, out=tmp_path)
    with pytest.raises(InputError, match="images limits the held-out digits"):
        dse.run(None, ["picture.png"], images=3)
    with pytest.raises(CutError, match="there is no cut"):
        dse.run(None, "digits", pool="after")
    with pytest.raises(AttributeError, match="no attribute 'sweeep'"):
        getattr(dse, "sweeep")  # noqa: B009 - mypy knows there is none
