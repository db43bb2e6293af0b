"""``dse deploy``: every split and several parts, on emulated boards, from end to end."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from dse.cli import main
from dse.deploy.board_processes import FOLDER_VARIABLE
from dse.deploy.deploy_command import DeployRequest, deploy_network, prepare_deployment
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.deploy_run import _BATCH
from dse.deploy.job_outcome import JobDone
from dse.deploy.pipeline import Pipeline
from dse.deploy.timings import JobTimings
from dse.errors import CutError, DeployError, InputError
from dse.inference import load_engine
from finn_flows.network_file import save_network
from finn_flows.weights import load_weights
from tests.dse.deploy.deploy_sandbox import DeploySandbox
from tests.dse.small_network import small_network


@pytest.fixture
def sandbox(tmp_path: Path) -> DeploySandbox:
    return DeploySandbox(tmp_path)


def deployed(tmp_path: Path, **options: object) -> DeployRequest:
    given: dict[str, object] = {"out": tmp_path / "deploy", "runs": 2, "images": 5}
    return DeployRequest(**{**given, **options})  # type: ignore[arg-type]


def expected_logits(count: int) -> np.ndarray:
    from dse.classify import load_test_digits

    network = load_weights().network
    _, pixels, _ = load_test_digits(network, count)
    return load_engine("integer", network).run(network.encode_pixels(pixels))


@pytest.mark.parametrize(
    ("options", "cuts"),
    [
        *[
            pytest.param(
                {"splits": (layer,)},
                [layer],
                marks=() if layer in (0, 5, 7) else pytest.mark.slow,
                id=f"split {layer}",
            )
            for layer in range(8)
        ],
        ({"splits": (1, 4), "pool": "after"}, [1, 4]),
        ({"splits": (0, 3, 6)}, [0, 3, 6]),
        ({"parts": 3, "tls": True}, None),
        ({"parts": 4}, None),
        ({"parts": 1}, []),
    ],
    ids=str,
)
def test_every_result_is_the_unsplit_networks(
    tmp_path: Path, options: dict[str, object], cuts: list[int] | None
) -> None:
    result = deploy_network(deployed(tmp_path, **options), DeployProgress())
    logits = np.array([image.logits for image in result.runs.images])
    assert (logits == expected_logits(5)).all()
    assert result.runs.identical
    assert len(result.runs.response_ns) == 2
    if cuts is not None:
        assert [cut.layer for cut in result.stages.manifest.cuts] == cuts
    else:
        assert len(result.stages.stages) == options["parts"]
    # The stages did it: what they say they computed is what came back, in this order.
    for timing in result.runs.timings:
        for stage in timing.stages:
            assert (np.diff(stage.finished_ns) > 0).all()
            assert (stage.started_ns <= stage.finished_ns).all()
        assert (timing.stages[0].received_ns >= timing.sent_ns).all()
        assert (timing.received_ns >= timing.stages[-1].finished_ns).all()


def test_published_weights_and_a_picture(tmp_path: Path, shared: Path) -> None:
    weights = shared / "bnn_pynq" / "cnvW2A2"
    picture = shared / "bnn_pynq" / "images" / "deer.jpg"
    request = deployed(
        tmp_path,
        weights=f"bnn-pynq:{weights}",
        inputs=(str(picture),),
        splits=(5,),
        images=None,
    )
    result = deploy_network(request, DeployProgress())
    (image,) = result.runs.images
    assert image.logits == (-24, -34, -21, -13, 244, 4, -7, -20, -27, -13)  # DESIGN: the board's
    assert image.class_name == "Deer"


@pytest.mark.slow
def test_the_circuits_compute_the_same(tmp_path: Path) -> None:
    request = deployed(tmp_path, engine="rtl", splits=(5,), images=3, runs=1)
    result = deploy_network(request, DeployProgress())
    assert result.runs.identical
    assert {stage.engine for stage in result.stages.stages} == {"rtl"}


@pytest.mark.slow
def test_a_board_that_takes_too_long_is_named(tmp_path: Path) -> None:
    """A simulated image takes longer than a tenth of a second."""
    request = deployed(tmp_path, engine="rtl", splits=(5,), runs=1, watchdog=0.1, attempts=1)
    with pytest.raises(DeployError, match=r"compute thread for 0\.1 s") as error:
        deploy_network(request, DeployProgress())
    assert "stage 0" in str(error.value)


def test_the_command_with_no_flags_but_the_split(sandbox: DeploySandbox) -> None:
    done = sandbox.run("deploy", "--split", "5")
    assert done.returncode == 0, done.stderr
    assert "620 results of 30 runs and a warm-up: identical to the unsplit network" in done.stdout
    assert "84 ms" in done.stdout
    assert "digits-test-0: 0" in done.stdout
    out = sandbox.folder / "build" / "deploy"
    content = json.loads((out / "deploy.json").read_text())
    assert content["identical_to_unsplit"] is True
    assert len(content["response_seconds"]) == 30
    assert content["response_time"]["paper"]["source"] == "paper"
    assert (out / "timeline.svg").read_bytes().startswith(b"<?xml")
    assert (out / "two_stage_bnn_app" / "app.yaml").is_file()
    assert sorted(path.name for path in (out / "logs").iterdir()) == ["emulated-0", "emulated-1"]
    sandbox.assert_nothing_is_left()


def test_json_is_what_the_file_says(sandbox: DeploySandbox) -> None:
    save_network(small_network(), sandbox.folder / "small.npz")
    picture = sandbox.folder / "grey.png"
    _grey_picture(picture)
    done = sandbox.run(
        *("deploy", "--weights", "small.npz", "--split", "0,1", "--input", "grey.png"),
        *("--images", "3", "--runs", "2", "--json", "--out", "out"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    content = json.loads(done.stdout)
    assert content == json.loads((sandbox.folder / "out" / "deploy.json").read_text())
    assert content["cuts"] == [[0, "before"], [1, "before"]]
    assert len(content["stages"]) == 3
    assert len(content["hops"]) == 4
    assert [image["file"] for image in content["images"]] == ["grey.png"] * 3


def _board_of(process: psutil.Process, pipeline: Pipeline) -> str:
    """The name of the board whose manager started ``process``."""
    for stage in pipeline.stages:
        folder = process.environ()[FOLDER_VARIABLE]
        if stage.main.startswith(folder):
            return stage.node.name
    return ""


def _grey_picture(path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.full((10, 10, 3), 128, dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--split", "9"), "no split 9"),
        (("--split", "8"), "no layers behind the cut"),
        (("--split", "5", "--parts", "3"), "expected --parts 2"),
        (("--parts", "12"), "choose from"),
        ((), "no split is given"),
        (("--split", "5", "--engine", "pynq"), "no FPGA"),
        (("--split", "5", "--engine", "fpga"), "onnx"),
        (("--split", "5", "--input", "nowhere.png"), "nowhere.png"),
        (("--split", "5", "--input", "digits", "--input", "a.png"), "digits and pictures"),
        (("--split", "5", "--boards", "none.toml"), "none.toml"),
        (("--split", "5", "--board", "left"), "--boards"),
        (("--split", "5", "--images", "0"), "--images"),
        (("--split", "5", "--out", "file"), "file"),
        (("--split", "5", "--folding", "nowhere.json"), "nowhere.json"),
        (("--split", "5", "--weights", "nowhere.npz"), "nowhere.npz"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_deployed_is_one_line(
    sandbox: DeploySandbox,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(sandbox.folder)
    sandbox.temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(sandbox.temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # what TMPDIR said before
    (sandbox.folder / "file").write_text("in the way")
    done = CliRunner().invoke(main, ["deploy", "--runs", "1", *arguments], prog_name="dse")
    assert done.exit_code == 2
    assert said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("dse: ")]) == 1
    assert "Traceback" not in done.stderr
    assert not (sandbox.folder / "build").exists()
    sandbox.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_leaves_nothing(sandbox: DeploySandbox, number: signal.Signals) -> None:
    process = sandbox.start("deploy", "--split", "5", "--runs", "100000")
    sandbox.wait_for_stages(2)
    time.sleep(0.5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        # Its own temporary files are all that a killed process leaves.
        for path in sandbox.temporary.glob("dse-deployment-*"):
            path.rmdir()
    else:
        assert process.returncode == 128 + number
        assert errors.splitlines()[-1].startswith("dse: ")
        assert "Traceback" not in errors
    sandbox.assert_nothing_is_left()


def test_a_stage_that_is_killed_costs_one_attempt(sandbox: DeploySandbox) -> None:
    process = sandbox.start("deploy", "--split", "5", "--runs", "100", "--json")
    victim = sandbox.wait_for_stages(2)[0]
    time.sleep(0.7)
    victim.kill()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    content = json.loads(output)
    assert content["identical_to_unsplit"] is True
    (failure,) = content["failures"]
    assert "SIGKILL" in failure["reason"]
    assert failure["epoch"] == 1
    sandbox.assert_nothing_is_left()


@pytest.mark.slow
def test_without_another_attempt_it_fails(sandbox: DeploySandbox) -> None:
    process = sandbox.start("deploy", "--split", "5", "--runs", "100000", "--attempts", "1")
    victim = sandbox.wait_for_stages(2)[0]
    time.sleep(0.7)
    victim.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "failed at stage" in errors
    assert "SIGKILL" in errors
    assert not (sandbox.folder / "build" / "deploy" / "deploy.json").exists()
    sandbox.assert_nothing_is_left()


def test_a_stage_lost_behind_its_job_costs_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the job is done, and its times are not fetched yet."""
    victims: list[int] = []
    timings = Pipeline.timings

    def kill_first(self: Pipeline, done: JobDone) -> JobTimings:
        if not victims:
            pid = next(
                process.pid
                for process in psutil.Process().children(recursive=True)
                if any(part.endswith("stage.py") for part in process.cmdline())
                and _board_of(process, self) == "emulated-1"
            )
            victims.append(pid)
            os.kill(pid, signal.SIGKILL)
        return timings(self, done)

    monkeypatch.setattr(Pipeline, "timings", kill_first)
    result = deploy_network(deployed(tmp_path, splits=(5,), attempts=2), DeployProgress())
    assert victims
    assert result.runs.identical
    assert len(result.runs.timings) == 2
    (failure,) = result.runs.failures
    assert failure.stage == 1
    assert "SIGKILL" in failure.reason


def test_one_deployment_at_a_time_in_a_folder(tmp_path: Path) -> None:
    asked = deployed(tmp_path, splits=(5,))
    prepared = prepare_deployment(asked, DeployProgress())
    with pytest.raises(DeployError, match="another deployment is at work here"):
        deploy_network(deployed(tmp_path, splits=(1,)), DeployProgress())
    prepared.claim.close()
    assert deploy_network(deployed(tmp_path, splits=(1,)), DeployProgress()).runs.identical


def test_more_images_than_are_computed_at_a_time(tmp_path: Path) -> None:
    result = deploy_network(
        deployed(tmp_path, splits=(7,), images=_BATCH + 3, runs=1), DeployProgress()
    )
    assert result.runs.identical
    logits = np.array([image.logits for image in result.runs.images])
    assert (logits == expected_logits(_BATCH + 3)).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"images": 0}, "images is 0"),
        ({"images": -1}, "images is -1"),
        ({"images": 10**9}, "100,000"),
        ({"runs": 0}, "runs is 0"),
        ({"attempts": 0}, "attempts is 0"),
        ({"watchdog": float("nan")}, "watchdog is nan"),
        ({"parts": "2"}, "parts is '2'"),
        ({"pool": "behind"}, "choose from before, after"),
        ({"engine": "no"}, "choose from onnx, rtl, pynq"),
    ],
    ids=str,
)
def test_requests_that_nothing_can_come_of(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError) as error:
        deployed(tmp_path, **options)
    assert said in str(error.value)


def test_errors_of_the_python_api(tmp_path: Path) -> None:
    with pytest.raises(CutError):
        deploy_network(deployed(tmp_path, splits=(8,)), DeployProgress())
    with pytest.raises(InputError, match="sweep"):
        deploy_network(deployed(tmp_path, sweep=tmp_path / "none"), DeployProgress())
