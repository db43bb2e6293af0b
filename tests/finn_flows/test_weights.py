"""What ``--weights`` means: forms by their prefix, and paths whatever letters they hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dse.errors import InputError, NetworkFileError
from finn_flows.brevitas_model import save_brevitas_checkpoint
from finn_flows.weights import DIGITS_FILE, load_weights


@pytest.mark.parametrize("name", ["ex/a:b.npz", "a:b", "brevitas.npz", "digits:1.npz"])
def test_a_file_is_a_file_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    shutil.copy(DIGITS_FILE, name)
    assert load_weights(name).network.sha256 == load_weights().network.sha256


def test_a_colon_in_the_path_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = load_weights().network
    save_brevitas_checkpoint(network, Path("a:b.pth"))
    loaded = [load_weights(f"brevitas:{form}") for form in ("a:b.pth", "cnv_2w2a:a:b.pth")]
    assert len({one.network.sha256 for one in loaded}) == 1


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(NetworkFileError, match=r"ex/a:b\.npz: cannot read: No such file"):
        load_weights("ex/a:b.npz")
    for spec in ("", "imagenet", "x" * 5000, "digits:2", "bnn-pynq:"):
        with pytest.raises(InputError, match="choose from digits, "):
            load_weights(spec)
