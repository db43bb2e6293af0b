"""``dse deploy --serve`` and ``dse infer`` as real processes: right answers, and nothing left."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import dse
from dse.deploy.service_file import SERVICE_FILE
from dse.errors import DeployError, InputError
from finn_flows.digits import load_digits_split
from tests.dse.deploy.deploy_sandbox import DeploySandbox


class Served:
    """A service in a sandbox of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.sandbox = DeploySandbox(folder)
        self.out = folder / "out"
        self.process = self.sandbox.start(
            *("deploy", "--split", "5", "--serve", "--out", "out", *more)
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        if not self.first_line:
            pytest.fail(self.process.communicate(timeout=60)[1])

    def infer(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.sandbox.run("infer", *arguments, "--out", "out")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Exit code and standard error after a signal to the service alone."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all that leave it as it was; ended by Ctrl-C, with nothing left."""
    served = Served(tmp_path_factory.mktemp("serve"))
    try:
        yield served
        code, errors = served.end(signal.SIGINT)
        assert code == 130, errors
        assert errors.splitlines()[-1] == "dse: interrupted"
        assert " failure" in errors.splitlines()[-2]
        served.sandbox.assert_nothing_is_left()
        assert not (served.out / SERVICE_FILE).exists()
        left = sorted(path.name for path in served.out.iterdir())
        assert left == [".lock", "logs", "two_stage_bnn_app"]
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.communicate()


@pytest.fixture(scope="module")
def expected() -> list[tuple[int, ...]]:
    """Logits of the held-out digits by the unsplit network."""
    return [image.logits for image in dse.run(None, "digits", images=60).images]


def test_clients_at_the_same_time_get_what_dse_run_says(
    served: Served, expected: list[tuple[int, ...]]
) -> None:
    counts = (60, 1, 20)
    clients = [
        served.sandbox.start("infer", "--digits", "--images", str(count), "--json", "--out", "out")
        for count in counts
    ]
    jobs = set()
    for count, client in zip(counts, clients, strict=True):
        output, errors = client.communicate(timeout=60)
        assert client.returncode == 0, errors
        found = json.loads(output)
        assert [tuple(one["logits"]) for one in found["images"]] == expected[:count]
        assert 0 < found["response_seconds"] <= found["request_seconds"]
        assert found["labelled"] == count
        jobs.add(found["job"])
    assert len(jobs) == len(counts)


def test_pictures_by_command_and_from_python(served: Served, tmp_path: Path) -> None:
    pixels, _ = load_digits_split("test")
    for index in range(2):
        Image.fromarray(pixels[index]).save(tmp_path / f"{index}.png")
    names = [str(tmp_path / f"{index}.png") for index in range(2)]
    result = served.infer(*names)
    assert result.returncode == 0, result.stderr
    whole = dse.run(None, names)
    lines = result.stdout.splitlines()
    assert lines[:2] == [f"{image.name}: {image.class_name}" for image in whole.images]
    assert lines[2].startswith("2 images in ")
    assert dse.infer(names, out=served.out).images == whole.images
    assert dse.infer(str(names[0]), out=served.out).images == whole.images[:1]
    with pytest.raises(InputError, match="-3 images"):
        dse.infer("digits", images=-3, out=served.out)
    by_pixels = dse.infer(pixels[:2], out=served.out)
    assert [one.logits for one in by_pixels.images] == [one.logits for one in whole.images]
    with pytest.raises(InputError, match=r"expected uint8 \(images, 32, 32, 3\)"):
        dse.infer(pixels[:, :5], out=served.out)
    with pytest.raises(InputError, match="expected 1 to 5461"):
        dse.infer(np.zeros((5462, 32, 32, 3), np.uint8), out=served.out)
    missing = served.infer(str(tmp_path / "none.png"))
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "none.png: there is no such file" in missing.stderr


def test_a_client_that_is_killed_costs_nothing(
    served: Served, expected: list[tuple[int, ...]]
) -> None:
    clients = [served.sandbox.start("infer", "--digits", "--out", "out") for _ in range(3)]
    for client in clients:  # each at another place: importing, asking, waiting
        time.sleep(0.3)
        client.kill()
        client.communicate()
    found = dse.infer("digits", images=20, out=served.out)
    assert [image.logits for image in found.images] == expected[:20]
    assert served.process.poll() is None


def test_a_killed_stage_fails_no_later_job(served: Served, expected: list[tuple[int, ...]]) -> None:
    before = dse.infer("digits", images=1, out=served.out).epoch
    for _ in range(2):
        served.sandbox.wait_for_stages(2)[1].kill()
        # At once: the pipeline may not even have noticed.
        found = dse.infer("digits", images=20, out=served.out)
        assert [image.logits for image in found.images] == expected[:20]
    assert found.epoch == before + 2


def test_a_pipeline_that_breaks_while_idle_is_brought_up_again(served: Served) -> None:
    stage = served.sandbox.wait_for_stages(2)[0]
    stage.kill()
    deadline = time.monotonic() + 20
    while True:
        stages = served.sandbox.wait_for_stages(2)
        if stage not in stages and len(stages) == 2:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_service_to_a_folder(served: Served) -> None:
    assert (served.out / SERVICE_FILE).stat().st_mode & 0o777 == 0o600
    second = served.sandbox.run("deploy", "--split", "5", "--out", "out", "--serve")
    assert second.returncode == 2
    assert "a service runs here, process" in second.stderr
    with pytest.raises(DeployError, match="a service runs here, process"):
        dse.deploy_network(None, split=5, out=served.out)
    secret = json.loads((served.out / SERVICE_FILE).read_text())["client_secret_key"]
    for process in psutil.process_iter():
        try:
            assert secret not in " ".join(process.cmdline())
        except psutil.Error:
            continue


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"client_public_key": None, "client_secret_key": None}, "the service does not answer"),
        ({"address": "tcp://nowhere"}, "address or keys are damaged"),
        ({"pid": "1"}, "pid is missing or wrong"),
        ({"started": 1}, r"the service \(process \d+\) is gone"),
    ],
)
def test_a_file_that_is_not_right(
    served: Served,
    change: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dse.deploy import infer_client
    from dse.deploy.key_files import ClientKeys

    monkeypatch.setattr(infer_client, "SILENCE_SECONDS", 1.0)
    data = json.loads((served.out / SERVICE_FILE).read_text())
    if "client_public_key" in change:
        keys = ClientKeys.new()
        change = {"client_public_key": keys.public, "client_secret_key": keys.secret}
    (tmp_path / SERVICE_FILE).write_text(json.dumps({**data, **change}))
    with pytest.raises(DeployError, match=message):
        dse.infer("digits", images=1, out=tmp_path)
    (tmp_path / SERVICE_FILE).write_text(json.dumps(data)[:100])
    with pytest.raises(DeployError, match="is damaged"):
        dse.infer("digits", images=1, out=tmp_path)


@pytest.mark.slow
def test_a_service_that_is_killed_is_found_out(tmp_path: Path) -> None:
    """While a client waits for it, and before; the next service takes its place."""
    served = Served(tmp_path, "--json")
    about = json.loads(served.first_line)
    assert about["pid"] == served.process.pid
    client = None
    try:
        served.process.send_signal(signal.SIGSTOP)
        client = served.sandbox.start("infer", "--digits", "--out", "out")
        time.sleep(1.0)
        assert client.poll() is None
        served.process.kill()
        served.process.communicate()
        output, errors = client.communicate(timeout=20)
        assert (client.returncode, output) == (2, "")
        (line,) = errors.splitlines()
        assert "is gone" in line
    finally:
        served.process.kill()
        served.process.communicate()
        if client is not None and client.poll() is None:
            client.kill()
            client.communicate()
    assert (served.out / SERVICE_FILE).exists()
    with pytest.raises(DeployError, match=rf"\(process {about['pid']}\) is gone"):
        dse.infer("digits", out=served.out)
    nowhere = served.sandbox.run("infer", "--digits", "--out", "nowhere")
    assert nowhere.returncode == 2
    assert nowhere.stderr.splitlines() == [
        "dse: error: nowhere/serve.json: no service runs here; expected dse deploy --serve"
    ]
    second = Served(tmp_path)
    code, errors = second.end(signal.SIGTERM)
    assert code == 143, errors
    second.sandbox.assert_nothing_is_left()
    assert not (second.out / SERVICE_FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deploy", "--serve", "--runs", "3"], "--runs is for a measurement, not for --serve"),
        (["deploy", "--serve", "--input", "digits"], "--input is for a measurement"),
        (["deploy", "--bind", "localhost"], "--bind is of --serve"),
        (["deploy", "--serve", "--bind", "host:99999"], "expected HOST or HOST:PORT"),
        (["infer"], "name pictures, or give --digits"),
        (["infer", "--images", "3", "x.png"], "--images limits the digits"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str) -> None:
    from tests.dse.test_cli import error_line, invoke

    assert message in error_line(invoke(*arguments))
