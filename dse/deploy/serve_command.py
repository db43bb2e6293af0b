"""``dse deploy --serve``: a pipeline that is kept up, and takes jobs of ``dse infer``."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from dse.classify import class_names
from dse.deploy.deploy_command import (
    DeployRequest,
    PreparedDeployment,
    deployed,
    prepare_deployment,
)
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.deploy_run import DeployedNetwork
from dse.deploy.deployment import Deployment
from dse.deploy.infer_messages import LOGITS, MOST_PART_BYTES, SCORES
from dse.deploy.infer_service import InferRequest, InferService
from dse.deploy.job_outcome import JobFailed
from dse.deploy.key_files import ClientKeys
from dse.deploy.node.manager import boot_identity
from dse.deploy.serve_progress import ServeProgress
from dse.deploy.service_file import (
    ServiceFile,
    process_start,
    remove_service_file,
    write_service_file,
)
from dse.errors import DeployError, DseError
from dse.inference import load_engine
from finn_flows.network import Network

_IDLE_SECONDS = 0.5
#: A pipeline that broke while idle is tried again after this, then after twice as long, and so on.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, eq=False)
class Server:
    """A pipeline that is up, and its service. ``file``: what serve.json says of it."""

    network: Network
    deployment: Deployment
    service: InferService
    file: ServiceFile

    def serve(self, progress: ServeProgress) -> NoReturn:
        """Work off requests until interrupted, by an exception in this thread."""
        serve_jobs(self.network, self.deployment, self.service, progress)


@contextmanager
def served(
    request: DeployRequest, bind: tuple[str, int], progress: DeployProgress
) -> Iterator[Server]:
    """The pipeline, up, compared with the unsplit network, and listening at ``bind``: host and
    port (0: any). serve.json is in ``request.out`` meanwhile.

    Raises DseError for whatever is wrong, and DeployError if the pipeline does not compute what the
    unsplit network does.
    """
    prepared = prepare_deployment(request, progress)
    network = prepared.loaded.network
    with deployed(request, prepared, progress) as deployment:
        progress.step("comparing with the unsplit network")
        _check(network, deployment)
        with _service(request, prepared, bind) as (service, file):
            yield Server(network, deployment, service, file)


def serve_jobs(
    network: Network, deployment: Deployment, service: InferService, progress: ServeProgress
) -> NoReturn:
    """Work off requests for ever. Whatever becomes of a job, the next one is served."""
    pipeline = DeployedNetwork(network, deployment)
    job = 0
    pause = 0.0
    try_at = 0.0
    while True:
        request = service.next_request(_IDLE_SECONDS)
        if request is None:
            progress.tick()
            if not deployment.is_up and time.monotonic() >= try_at:
                pause = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * pause))
                if _bring_up(deployment, progress):
                    pause = 0.0
                try_at = time.monotonic() + pause
            continue
        job += 1
        _serve_job(job, request, network, pipeline, deployment, service, progress)


def _bring_up(deployment: Deployment, progress: ServeProgress) -> bool:
    progress.note("the pipeline broke while there was no job; bringing it up again")
    try:
        deployment.keep_up()
    except DeployError as error:
        progress.failed(f"it cannot be brought up: {error}")
        return False
    return True


def _serve_job(
    job: int,
    request: InferRequest,
    network: Network,
    pipeline: DeployedNetwork,
    deployment: Deployment,
    service: InferService,
    progress: ServeProgress,
) -> None:
    stage, reason = None, None
    outcome = None
    try:
        pixels = np.frombuffer(request.pixels, dtype=np.uint8)
        tensor = network.encode_pixels(pixels.reshape(request.images, *network.input_shape))
        outcome = deployment.run(pipeline.chunks(tensor))
        if isinstance(outcome, JobFailed):
            stage, reason = outcome.stage, outcome.reason
        else:
            result = pipeline.results(outcome)
    except Exception as error:
        # A mistake of ours in this job is no reason to refuse the next one.
        reason = str(error) if isinstance(error, DseError) else f"{type(error).__name__}: {error}"
    for failure in deployment.failures:
        if failure is not outcome:
            progress.note(f"job {job}: {failure}; run again")
    deployment.failures.clear()
    if reason is not None or outcome is None or isinstance(outcome, JobFailed):
        service.answer(
            request, "failed", job=job, epoch=deployment.epoch, stage=stage, reason=reason
        )
        progress.failed(f"job {job} failed: {reason}")
        return
    logits = result.reshape(request.images, -1)
    scores = network.scores(result).reshape(request.images, -1)
    service.answer(
        request,
        "done",
        logits.astype(LOGITS).tobytes(),
        scores.astype(SCORES).tobytes(),
        job=job,
        epoch=outcome.epoch,
        images=request.images,
        classes=logits.shape[1],
        response_seconds=outcome.response_seconds,
    )
    progress.done(request.images)


def _check(network: Network, deployment: Deployment) -> None:
    """A first job, which warms the pipeline up, too."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, *network.input_shape), dtype=np.uint8)
    tensor = network.encode_pixels(pixels)
    expected = load_engine("onnx", network).run(tensor)
    if not np.array_equal(DeployedNetwork(network, deployment).run(tensor), expected):
        raise DeployError("the pipeline's results differ from the unsplit network's")
    deployment.failures.clear()


@contextmanager
def _service(
    request: DeployRequest, prepared: PreparedDeployment, bind: tuple[str, int]
) -> Iterator[tuple[InferService, ServiceFile]]:
    network = prepared.loaded.network
    image_bytes = math.prod(network.input_shape)
    keys, client = ClientKeys.new(), ClientKeys.new()
    host, port = bind
    with InferService(
        host, port, keys=keys, client_key=client.public, image_bytes=image_bytes
    ) as service:
        reached = _ANY_ADDRESS.get(host, host)
        place = f"[{reached}]" if ":" in reached else reached
        file = ServiceFile(
            address=f"tcp://{place}:{service.port}",
            server_key=keys.public,
            client_public_key=client.public,
            client_secret_key=client.secret,
            pid=os.getpid(),
            started=process_start(os.getpid()) or 0,
            boot=boot_identity(),
            network=network.name,
            network_sha256=network.sha256,
            cuts=[str(cut) for cut in prepared.cuts],
            engines=[board.engine for board in prepared.boards],
            input_shape=list(network.input_shape),
            classes=list(class_names(network)),
            most_images=MOST_PART_BYTES // image_bytes,
        )
        write_service_file(request.out, file)
        try:
            yield service, file
        finally:
            remove_service_file(request.out, file)
