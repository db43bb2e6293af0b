"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re

import pytest

from dse.deploy.node import frames
from dse.deploy.node.child import Limits
from dse.deploy.node.manager import _PASSED_ON, GRACE_SECONDS, NodeManager
from dse.deploy.node.messages import MOST_BYTES, PROTOCOL_VERSION, REQUESTS
from dse.deploy.pipeline_plan import PipelineOptions
from tests.dse.sandbox import PROJECT

PAGE = (PROJECT / "docs" / "protocol.md").read_text()


def row(first: str) -> str:
    found = [line for line in PAGE.splitlines() if line.startswith(f"| {first} |")]
    assert len(found) == 1, f"{len(found)} rows for {first}"
    return found[0]


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_request_has_its_row_with_all_its_fields(kind: str) -> None:
    found = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` |")]
    assert found, kind
    for field in REQUESTS[kind]:
        assert f"`{field}`" in found[0], (kind, field)


def test_there_is_no_row_for_a_request_that_there_is_not() -> None:
    table = PAGE.split("| request |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(REQUESTS)
    assert all(hasattr(NodeManager, f"_on_{kind}") for kind in REQUESTS)


def test_what_is_told_has_its_row() -> None:
    table = PAGE.split("| told |")[1].split("\n\n")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert set(rows) == {*_PASSED_ON, "ended"}
    for kind, fields in _PASSED_ON.items():
        assert all(f"`{field}`" in rows[kind] for field in fields), kind


def test_frames_are_laid_out_as_written() -> None:
    header = frames.frame_header(frames.DATA, 0x0102, 3, 4, 5, [b"ab"])
    for offset, size, name, value in (
        (0, 4, "magic", b"DSEF"),
        (4, 1, "version", b"\x01"),
        (5, 1, "kind", b"\x02"),
        (6, 2, "stage", b"\x02\x01"),
        (8, 8, "job", (3).to_bytes(8, "little")),
        (16, 4, "epoch", (4).to_bytes(4, "little")),
        (20, 4, "sequence", (5).to_bytes(4, "little")),
        (24, 4, "length", (2).to_bytes(4, "little")),
        (28, 4, "crc", header[28:]),
    ):
        assert f"| {offset} | {size} | {name} |" in PAGE
        assert header[offset : offset + size] == value
    for kind, name in frames.KIND_NAMES.items():
        row(f"{kind} | {name}")
    assert f"at most {frames.REASON_BYTES} bytes" in PAGE


def test_the_deadlines_are_those_of_the_code() -> None:
    limits, options = Limits(), PipelineOptions()
    assert f"load {limits.load:g}, compute {limits.compute:g}, silence {limits.silence:g}" in PAGE
    assert f"stall {options.stall_seconds:g}" in PAGE
    assert f"verdict {options.verdict_seconds:g}" in PAGE
    assert f"| {options.link_seconds:g}; 3 for a stranger's hello |" in PAGE
    assert f"| {GRACE_SECONDS:g} (1 when the manager ends) |" in PAGE
    assert f"({options.window} chunks unless said otherwise)" in PAGE
    assert MOST_BYTES == 1 << 20
    assert f'`"v": {PROTOCOL_VERSION}`' in PAGE


def test_the_tests_that_it_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert len(named) > 10
    for name in named:
        assert (PROJECT / "tests" / "dse" / "deploy" / name).is_file(), name
