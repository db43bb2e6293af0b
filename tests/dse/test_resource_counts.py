"""Counts and regions as people type them: the right numbers or one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.resource_counts import NAMES, Region, parse_counts, parse_regions

counts = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**9), min_size=1)


@given(counts, st.booleans())
def test_what_is_written_is_read(given_counts: dict[str, int], loud: bool) -> None:
    text = " , ".join(f"{name} = {count}" for name, count in given_counts.items())
    assert parse_counts(text.upper() if loud else text) == given_counts


@given(st.text(alphabet="lutbram=,. 0123456789-+e:x٣", max_size=20))
def test_anything_else_is_refused(text: str) -> None:
    try:
        parsed = parse_counts(text)
    except InputError:
        return
    for name, count in parsed.items():
        assert name in text
        assert any(float(piece.partition("=")[2]) == count for piece in text.split(","))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'' is no count of a resource; expected lut=8000,"),
        ("lut", "'lut' is no count"),
        ("lut=", "'lut=' is no count"),
        ("lut=-1", "'lut=-1' is no count"),
        ("lut=1e3", "'lut=1e3' is no count"),
        ("lut=nan", "'lut=nan' is no count"),
        ("lut=٣", "is no count"),
        ("lut=10,", "'' is no count"),
        ("lut=1,LUT=2", "lut is given twice in 'lut=1,LUT=2'"),
        ("luts=1", "unknown resource 'luts' (choose from lut, lutram, ff, bram, dsp, uram)"),
        ("lut_as_logic=1", "unknown resource 'lut_as_logic'"),
        ("lut=1.5", "lut = 1.5; expected a whole number, not below 0"),
        ("bram=1.25", "bram = 1.25; expected whole tiles (RAMB36) or halves, not below 0"),
    ],
)
def test_a_mistake_says_what_is_wrong(text: str, error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_counts(text)
    assert error in str(caught.value)


def test_regions_inline_and_in_files(tmp_path: Path) -> None:
    several, single = tmp_path / "several.toml", tmp_path / "single.TOML"
    several.write_text("[filter]\nlut = 8000\nbram = 20.5\n\n[crypto]\nDSP = 12\n")
    single.write_bytes(b"\xef\xbb\xbfff = 5\r\nlut = 1\r\n")
    assert parse_regions(["bram=2,lut=1", "mine:dsp=3", str(several), str(single)]) == (
        Region("lut=1,bram=2", (("lut", 1.0), ("bram", 2.0))),
        Region("mine", (("dsp", 3.0),)),
        Region("filter", (("lut", 8000.0), ("bram", 20.5))),
        Region("crypto", (("dsp", 12.0),)),
        Region("single", (("lut", 1.0), ("ff", 5.0))),
    )
    with pytest.raises(InputError, match="two regions are called 'crypto'"):
        parse_regions(["crypto:lut=1", str(several)])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"[filter", "1: is not TOML: "),
        (b"\xff\xfe", " is not text in UTF-8"),
        (b"", " no count of any resource; expected "),
        (b"[filter]\n", " no count of any resource; expected "),
        (b"lut = 1\n[filter]\nlut = 2\n", " 'lut' stands outside the regions filter; expected "),
        (b"[filter]\nluts = 1\n", " unknown resource 'luts' (choose from "),
        (b"[filter]\nlut = '1'\n", " lut = '1'; expected a number"),
        (b"[filter]\nlut = true\n", " lut = True; expected a number"),
        (b"[filter]\nlut = -1\n", " lut = -1; expected a whole number"),
        (b"[filter]\nlut = inf\n", " lut = inf; expected a whole number"),
        (b"[filter]\nlut = nan\n", " lut = nan; expected a whole number"),
        (b"[filter.inner]\nlut = 1\n", " unknown resource 'inner'"),
        (b"[filter]\nlut = 1\nLUT = 2\n", " lut is given twice"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, error: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        parse_regions([str(path)])
    assert str(caught.value).startswith(f"{path}:{error}")


def test_other_mistakes_in_regions(tmp_path: Path) -> None:
    for text, error in {
        "none.toml": "none.toml: cannot be read: No such file or directory",
        "region": "'region' is no region (choose from lut=8000,",
        ":lut=1": "':lut=1' names a region with nothing",
        "mine:lut": "'mine:lut' is no region",
    }.items():
        with pytest.raises(InputError) as caught:
            parse_regions([text])
        assert str(caught.value).startswith(error)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        parse_regions([str(tmp_path / "folder.toml")])
