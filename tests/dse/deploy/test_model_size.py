"""A model too large to play is refused, and one that plays can be ended."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from dse.deploy import model_run, model_size
from dse.deploy.cluster_model import Cluster, simulate
from dse.deploy.model_run import run_until
from dse.deploy.model_size import ClusterShape, check_size
from dse.deploy.pipeline_model import Hop
from dse.errors import InputError
from tests.dse.deploy.deploy_sandbox import DeploySandbox

ONE_STAGE = ("simulate-cluster", "--service", "1us", "--bytes", "1,1")


@pytest.mark.parametrize("spread", ["jobs", "images"])
def test_too_large_a_model_is_refused_at_once(tmp_path: Path, spread: str) -> None:
    begun = time.monotonic()
    size = ("--boards", "10000", "--images", "100000", "--jobs", "100000", "--spread", spread)
    done = DeploySandbox(tmp_path).run(*ONE_STAGE, *size)
    assert time.monotonic() - begun < 10
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "image-hops" in done.stderr
    assert "expected" in done.stderr


@given(
    shapes=st.lists(
        st.builds(ClusterShape, st.integers(1, 10_000), st.integers(1, 10_000)),
        min_size=1,
        max_size=3,
    ),
    spread=st.sampled_from(["jobs", "images"]),
    images=st.integers(1, 100_000),
    jobs=st.integers(1, 100_000),
)
def test_what_is_said_to_be_valid_is_and_one_more_is_not(
    shapes: list[ClusterShape], spread: model_size.Spread, images: int, jobs: int
) -> None:
    try:
        check_size(shapes, spread, images, jobs)
    except InputError as error:
        for option, value in re.findall(r"--(images|jobs) (\d+) or fewer", str(error)):
            size = {"images": images, "jobs": jobs}
            check_size(shapes, spread, **{**size, option: int(value)})
            with pytest.raises(InputError):
                check_size(shapes, spread, **{**size, option: int(value) + 1})


def test_what_the_documentation_offers_is_not_too_large() -> None:
    check_size([ClusterShape(2, boards // 2) for boards in (2, 10, 100, 1000, 10_000)],
               "jobs", 20, 30)  # fmt: skip
    check_size([ClusterShape(2, 10)], "jobs", 20, 100_000)
    check_size([ClusterShape(1, 10_000)], "jobs", 20, 10_000)


def test_the_library_refuses_it_too() -> None:
    hops = (Hop(1), Hop(1))
    with pytest.raises(InputError, match="image-hops at a time"):
        simulate(Cluster((np.array([1]),), hops, 1000), images=100_000, jobs=1000)


def test_a_model_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_run, "MOST_EVENTS", 1000)
    environment = simpy.Environment()

    def ever() -> simpy.events.ProcessGenerator:
        while True:
            yield environment.timeout(1)

    environment.process(ever())
    with pytest.raises(InputError, match="after 1,000 events"):
        run_until(environment, environment.event())
    assert environment.now > 900


def test_a_signal_in_a_process_gets_out_as_its_handler_raised_it() -> None:
    environment = simpy.Environment()
    raised = KeyboardInterrupt("the very one")

    def handler(_number: int, _frame: object) -> None:
        raise raised

    def ended() -> simpy.events.ProcessGenerator:
        yield environment.timeout(1)
        signal.raise_signal(signal.SIGTERM)
        yield environment.timeout(1)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        environment.process(ended())
        with pytest.raises(KeyboardInterrupt) as caught:
            run_until(environment, environment.event())
        assert caught.value is raised
        assert environment.now == 1
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("spread", ["jobs", "images"])
def test_a_signal_ends_a_long_model(tmp_path: Path, number: signal.Signals, spread: str) -> None:
    images, jobs = ("900", "9000") if spread == "jobs" else ("100", "400")
    process: subprocess.Popen[str] = DeploySandbox(tmp_path).start(
        *(*ONE_STAGE, "--boards", "1000", "--spread", spread, "--images", images, "--jobs", jobs)
    )
    try:
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(number)
        sent = time.monotonic()
        output, errors = process.communicate(timeout=30)
        assert time.monotonic() - sent < 2
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert output == ""
    (line,) = errors.splitlines()
    assert line.startswith("dse: ")
