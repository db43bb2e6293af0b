"""``dse choose`` on the real sweep of CnvW2A2, as a person and as a program meet it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dse.split_choice import choose_split
from dse.split_rules import RULES
from dse.sweep_file import read_sweep_file, write_sweep_file
from reports.published import published_points
from reports.sweep_record import PartName
from tests.dse.sandbox import PROJECT
from tests.dse.test_cli import HEAVY, error_line, invoke, loaded_modules

#: Bytes per image at every cut of CnvW2A2, the pool before the cut and, where there is one, after.
BYTES = {
    **{(0, "before"): 14400, (1, "before"): 3136, (1, "after"): 12544, (2, "before"): 4608},
    **{(3, "before"): 800, (3, "after"): 3200, (4, "before"): 576, (5, "before"): 64},
    **{(6, "before"): 128, (7, "before"): 128},
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real sweep, every cut on both sides."""
    out = tmp_path_factory.mktemp("swept")
    result = invoke("sweep", "--backend=estimate", "--pool=both", "--json", f"--out={out}")
    assert result.returncode == 0, result.stderr
    return out


def choose(swept: Path, *arguments: str) -> dict[str, Any]:
    result = invoke("choose", "--out", str(swept), "--json", *arguments)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert isinstance(data, dict)
    return data


def test_fewest_bytes_are_at_split_5(swept: Path) -> None:
    data = choose(swept)
    assert (data["rule"], data["split"], data["pool"]) == ("traffic", 5, "before")
    assert data["bytes_per_image"] == 64
    assert data["why"].startswith("Split 5 sends the fewest bytes over the link: 64 bytes")
    reasons = {(one["split"], one["pool"]): one["reason"] for one in data["rejected"]}
    assert reasons.keys() == BYTES.keys() - {(5, "before")} | {(8, "before")}
    for cut, reason in reasons.items():
        if cut != (8, "before"):
            assert reason == f"It sends {BYTES[cut]} bytes per image, against 64 of split 5."
    assert reasons[8, "before"].endswith("so it is no split.")


def test_every_rule_against_the_table(swept: Path) -> None:
    """Scored anew from table1.json, the other file of the same sweep."""
    table = json.loads((swept / "table1.json").read_text())
    parts: dict[tuple[int, str], dict[str, Any]] = {}
    for entry in table["entries"]:
        if entry["source"] == "finn-estimate" and entry["split"] in range(8):
            parts.setdefault((entry["split"], entry["pool"]), {})[entry["part"]] = entry
    scores: dict[str, dict[tuple[int, str], float]] = {name: {} for name in RULES}
    for cut, both in parts.items():
        pair = [both["first"], both["second"]]
        scores["traffic"][cut] = pair[0]["bytes_per_image"]
        scores["throughput"][cut] = max(entry["cycles_per_image"] for entry in pair)
        shares = [[entry["percent"][name] for entry in pair] for name in ("lut", "bram", "dsp")]
        scores["balance"][cut] = max(abs(first - second) for first, second in shares)
        for name in ("lut", "bram", "dsp"):
            scores[name][cut] = max(entry["used"][name] for entry in pair)
    for rule, by_cut in scores.items():
        if not by_cut:
            assert "does not count" in error_line(
                invoke("choose", f"--by={rule}", f"--out={swept}")
            )
            continue
        data = choose(swept, "--by", rule)
        best = min(by_cut.values())
        ties = {cut: BYTES[cut] for cut, score in by_cut.items() if score <= best + 1e-9}
        assert (data["split"], data["pool"]) == min(ties, key=lambda cut: ties[cut]), rule
    assert not scores["ff"]
    assert not scores["lutram"]


def test_the_page_on_choosing_tells_these_figures(swept: Path) -> None:
    lines = (PROJECT / "docs" / "choosing.md").read_text().splitlines()
    rows = [
        line.strip("|").split("|") for line in lines if line[:3] in {f"| {k}" for k in "01234567"}
    ]
    said = {int(row[0]): [cell.split()[:1] for cell in row[1:]] for row in rows}
    choice = choose_split(read_sweep_file(swept), "balance", pool="before")
    reasons = {one.split: one.reason for one in choice.rejected} | {choice.split: choice.why}
    whole, *_ = (p for p in published_points("CnvW2A2", "xc7z020") if p.part is PartName.WHOLE)
    for point in published_points("CnvW2A2", "xc7z020"):
        if point.split is None:
            continue
        differences = []
        for name in ("lut", "lutram", "ff", "bram", "dsp"):
            first, all_of_it = point.percent[name], whole.percent[name]
            assert first is not None
            assert all_of_it is not None
            differences.append(abs(first - (all_of_it - first)))
        (figure,) = said[point.split][1]
        assert float(figure) == pytest.approx(max(differences), abs=0.0051)
    assert sorted(said) == list(range(8))
    for split, cells in said.items():
        assert f" {cells[0][0]} percentage points in " in reasons[split]
    assert choice.split == 4
    assert min(range(6), key=lambda split: float(said[split][1][0])) == 4


def test_json_has_the_documented_keys(swept: Path) -> None:
    data = choose(swept, "--reserve", "lut=5000,bram=6", "--region", "filter:lut=40000,bram=20")
    assert list(data) == [
        *("format", "version", "configuration", "rule", "source", "split", "pool"),
        *("bytes_per_image", "why", "ties", "rejected", "boards", "notes"),
    ]
    first, second = data["boards"]
    assert [first["part"], second["part"]] == ["first", "second"]
    section = (PROJECT / "docs" / "formats.md").read_text()
    section = section.partition("## `dse choose --json`")[2].partition("\n## ")[0]
    keys = {*data, *data["configuration"], *data["rejected"][0], *first, *first["regions"][0]}
    for key in (*keys, *first["resources"]["lut"]):
        assert f"`{key}`" in section, key
    for board in (first, second):
        lut, ff = board["resources"]["lut"], board["resources"]["ff"]
        assert lut["used"] + lut["free"] + 5000 == lut["available"] == 53200
        assert (ff["used"], ff["free"], ff["free_percent"]) == (None, None, None)
        assert board["fits"] == "unknown"
        fits = "yes" if lut["free"] >= 40000 else "no"
        assert board["regions"][0]["fits"] == fits
    assert {one["regions"][0]["fits"] for one in data["boards"]} == {"yes", "no"}


def test_a_reserve_can_change_the_choice(swept: Path) -> None:
    brams = choose(swept)["boards"][0]["resources"]["bram"]["used"]
    data = choose(swept, "--reserve", f"bram={140.5 - brams}")
    assert data["split"] != 5
    (reason,) = (one["reason"] for one in data["rejected"] if one["split"] == 5)
    assert reason.startswith("It does not fit: its first part needs ")
    line = error_line(invoke("choose", "--out", str(swept), "--reserve", "lut=53200"))
    assert line.startswith("no cut can be chosen by traffic from finn-estimate: split 0: ")


def test_the_page_for_a_person(swept: Path) -> None:
    result = invoke(
        *("choose", "--by", "balance", "--out", str(swept)),
        *("--reserve", "lut=5000", "--region", "filter:lut=40000", "--region", "ff=1"),
    )
    assert (result.returncode, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    data = choose(swept, "--by", "balance", "--reserve", "lut=5000")
    assert f"Split {data['split']}, by balance — finn-estimate" in text
    for note in (data["why"], data["ties"], *data["notes"]):
        assert note in text
    assert "filter beside the first part: no. It needs 40000 LUT of " in text
    assert "ff=1 beside the second part: unknown. How much FF is free is unknown." in text
    for one in data["rejected"]:
        assert all(word in text for word in one["reason"].split())
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line}
    assert rows["FF"][:4] == ["unknown"] * 4
    lut = data["boards"][0]["resources"]["lut"]
    assert rows["LUT"][0] == f"{lut['used']:.0f}"
    assert rows["LUT"][2] == f"{lut['free']:.0f}"
    assert rows["LUT"][-1] == "5000"


def test_mistakes_are_one_line(swept: Path, tmp_path: Path) -> None:
    def line(*arguments: str) -> str:
        return error_line(invoke("choose", "--out", str(swept), *arguments))

    unknown = line("--by", "size")
    assert all(f"'{name}'" in unknown for name in RULES)
    assert line("--by", "ff").startswith("finn-estimate does not count FF (counted by no source")
    assert line("--source", "vendor").startswith("unknown source 'vendor' (choose from ")
    assert line("--source", "paper").startswith("paper has no result of both parts of any cut")
    assert line("--reserve", "lut=50%").startswith("'lut=50%' is no count of a resource; ")
    assert line("--reserve", "lut=60000") == (
        "a reserve of 60000 LUT; expected at most the 53200 of xc7z020"
    )
    assert line("--region", "none.toml").startswith("none.toml: cannot be read")
    nowhere = error_line(invoke("choose", "--out", str(tmp_path / "nowhere")))
    assert "nothing was swept here" in nowhere
    write_sweep_file(tmp_path, "{")
    assert "damaged" in error_line(invoke("choose", "--out", str(tmp_path)))


def test_it_is_quick_and_loads_nothing_heavy(swept: Path) -> None:
    loaded = loaded_modules("choose", "--out", str(swept), cwd=PROJECT)
    assert not loaded & {*HEAVY, "finn_flows", "numpy"}
    assert "numpy" not in loaded_modules("choose", "--help", cwd=PROJECT)
    seconds = []
    for _ in range(4):
        # Of the processor, so that what else runs on the machine does not count.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        program = "from dse.cli import main; main(prog_name='dse')"
        command = [sys.executable, "-c", program, "choose", "--out", str(swept)]
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.5, seconds
