"""``dse train`` on the command line; the training itself is tested with Brevitas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finn_flows.weights import load_weights
from tests.dse.sandbox import PROJECT
from tests.dse.test_cli import invoke


def test_train_as_json_has_the_documented_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = load_weights().network
    monkeypatch.setattr("finn_flows.training.train_cnv", lambda epochs, seed, show: trained)
    result = invoke("train", "--json", "--epochs", "1", "--out", str(tmp_path / "my.npz"))
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["bytes"] == (tmp_path / "my.npz").stat().st_size
    assert data["sha256"] == load_weights(data["file"]).network.sha256 == trained.sha256
    assert 0.96 < data["held_out_accuracy"] <= 1
    formats = (PROJECT / "docs" / "formats.md").read_text()
    section = formats.partition("## `dse train --json`")[2].partition("\n## ")[0]
    for key in data:
        assert f"`{key}`" in section, key
