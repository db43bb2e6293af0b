"""What a deployment measured, written and read back, and files that are no such thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dse.deploy.cluster_model import predict
from dse.deploy.deploy_file import measured_sections, read_deploy_file
from dse.deploy.pipeline_model import Hop
from dse.deploy.timings import JobTimings, StageTimings
from dse.errors import DeployError
from tests.dse.deploy.random_pipelines import a_job, shifted

BYTES = (3072, 64, 128)


def contents(**changes: Any) -> dict[str, Any]:
    jobs = [a_job(seed=seed) for seed in range(3)]
    return {
        "format": "split-dse/deploy",
        "version": 1,
        "something": "else",
        **measured_sections(jobs, ("onnx", "rtl"), BYTES),
        **changes,
    }


def written(folder: Path, data: object) -> Path:
    path = folder / "deploy.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_what_was_measured_comes_back(tmp_path: Path) -> None:
    found = read_deploy_file(written(tmp_path, contents()))
    assert [stage.engine for stage in found.stages] == ["onnx", "rtl"]
    for position, stage in enumerate(found.stages):
        jobs = [a_job(seed=seed).stages[position] for seed in range(3)]
        every = np.concatenate([job.finished_ns - job.started_ns for job in jobs])
        assert stage.service_ns.tolist() == every.tolist()
        assert stage.turnaround_ns is None  # a_job() receives an image when it starts it
    assert tuple(hop.bytes_per_image for hop in found.hops) == BYTES
    # What a_job() says of its hops: latency, 3072 bytes at 100 Mbit/s, and a stage's sending.
    latency = 90_000 + 245_760
    assert [hop.latency_ns for hop in found.hops] == [latency, latency + 5000, latency + 5000]
    assert {hop.bits_per_second for hop in found.hops} == {None}


def test_a_model_of_measured_times_gives_the_measured_job_again() -> None:
    """Constant times, no credit to wait for: what was measured is all there is."""
    hop = Hop(3072, latency_ns=50_000, bits_per_second=1e9, window=1000)
    measured = predict([700_000, 300_000, 650_000], [hop] * 4, 40)
    sections = measured_sections([measured.timings], ("onnx",) * 3, (3072,) * 4)
    hops = [
        Hop(each["bytes_per_image"], each["latency_ns"], window=1000) for each in sections["hops"]
    ]
    again = predict([stage["service_ns"] for stage in sections["stages"]], hops, 40)
    assert (again.response_ns, again.fill_ns, again.interval_ns) == (
        measured.response_ns,
        measured.fill_ns,
        measured.interval_ns,
    )


def test_turnarounds_are_of_images_that_were_there() -> None:
    """Image 1 was there and started 30 ns after the one before was finished; image 2 came late."""
    times = ([0, 50, 300], [10, 130, 310], [100, 210, 400], [120, 220, 410])
    stage = StageTimings(0, *(np.array(each, dtype=np.int64) for each in times))
    job = JobTimings(np.array([0, 1, 2]), np.array([130, 230, 420]), (stage,))
    (found,) = measured_sections([job, job], ("onnx",), (1, 1))["stages"]
    assert found["turnaround_ns"] == [30, 30]
    assert found["service_ns"] == [90, 80, 90] * 2


def test_a_latency_that_clocks_do_not_allow_is_unknown() -> None:
    off = shifted(a_job(), 1, 2_000_000)
    hops = measured_sections([a_job(seed=2), off], ("onnx", "onnx"), BYTES)["hops"]
    assert [hop["latency_ns"] is None for hop in hops] == [False, False, True]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ([], "is no result of a deployment"),
        ({"format": "split-dse/table1"}, "is no result of a deployment"),
        (contents(version=2), "is of version 2; expected 1"),
        (contents(stages=[]), "stages is missing or wrong"),
        (contents(hops=None), "hops is missing or wrong"),
        (contents(hops=contents()["hops"][:2]), "has 2 hops for 2 stages; expected 3"),
        (contents(stages=contents()["stages"][::-1]), "its stages are not in order"),
    ],
)
def test_a_file_that_is_no_such_thing_is_one_line(tmp_path: Path, data: object, words: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(DeployError) as caught:
        read_deploy_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("stages", "service_ns", []),
        ("stages", "service_ns", [1.5]),
        ("stages", "service_ns", [-1]),
        ("stages", "service_ns", [2**63]),
        ("stages", "service_ns", [True]),
        ("stages", "turnaround_ns", []),
        ("stages", "turnaround_ns", 0),
        ("stages", "engine", None),
        ("stages", "position", "0"),
        ("hops", "bytes_per_image", None),
        ("hops", "latency_ns", -1),
        ("hops", "bits_per_second", 0),
        ("hops", "bits_per_second", float("nan")),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, section: str, key: str, value: object) -> None:
    data = contents()
    data[section][0][key] = value
    with pytest.raises(DeployError, match=f"{key} is missing or wrong"):
        read_deploy_file(written(tmp_path, data))
    del data[section][0][key]
    with pytest.raises(DeployError, match=f"{key} is missing or wrong"):
        read_deploy_file(written(tmp_path, data))


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"dse deploy.*--service"):
        read_deploy_file(tmp_path / "deploy.json")
    with pytest.raises(DeployError, match="cannot read"):
        read_deploy_file(tmp_path)
