"""Nothing is computed before all stages are ready with one manifest (I5); hops with TLS; a board
whose disk is full."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dse.deploy.job_outcome import JobFailed
from dse.deploy.link_certificate import make_link_certificate
from dse.deploy.network_application import write_network_application
from dse.deploy.node_control import NodeControl
from dse.deploy.pipeline import Pipeline
from dse.deploy.pipeline_plan import PipelineFailed, StagePlan
from dse.errors import InputError
from finn_flows.cut import Cut
from tests.dse.deploy.fault_rig import (
    OPTIONS,
    ClientResources,
    FaultRig,
    StageSettings,
    check_done,
    chunks,
)
from tests.dse.deploy.faulty_stage import fault
from tests.dse.small_network import small_network
from tests.dse.test_full_disk import small_disk

SIZES = (64, 48, 24)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with FaultRig(2, tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture(autouse=True)
def nothing_is_left(rig: FaultRig) -> Iterator[None]:
    before = ClientResources()
    yield
    assert rig.repair() == 0
    rig.check_boards_are_free()
    before.check()


# -- one manifest ---------------------------------------------------------------------------------


class NetworkPipeline:
    """A small network in two parts, on the boards of ``rig``, with folders of its own there."""

    made = 0

    def __init__(self, rig: FaultRig, folder: Path, seed: int = 0) -> None:
        self._rig = rig
        self.application, _ = write_network_application(
            small_network(seed) if seed else small_network(), (Cut(0),), ["onnx", "onnx"], folder
        )
        NetworkPipeline.made += 1
        self.stages: list[Path] = []
        self.programs: list[str] = []
        for board, job in zip(rig.boards, self.application.jobs, strict=False):
            assert job.data_dir is not None
            root = self.application.folder
            self.programs.append(board.put(root / job.main_dir, f"program{self.made}"))
            self.stages.append(Path(board.put(root / job.data_dir, f"stage{self.made}")))

    def pipeline(self, manifest: str | None = None, states: list[str] | None = None) -> Pipeline:
        plans = [
            StagePlan(
                node,
                f"{program}/{job.main_file}",
                {"stage": str(stage)},
                job.input_bytes,
                job.output_bytes,
            )
            for node, program, stage, job in zip(
                self._rig.nodes, self.programs, self.stages, self.application.jobs, strict=True
            )
        ]
        said = [] if states is None else states
        return Pipeline(
            self._rig.hub,
            plans,
            app="small",
            manifest=manifest or self.application.manifest,
            options=OPTIONS,
            on_state=lambda position, state: said.append(state),
        )


def test_one_flipped_byte_of_any_file_on_a_board_is_refused(rig: FaultRig, tmp_path: Path) -> None:
    network = NetworkPipeline(rig, tmp_path)
    for position, folder in enumerate(network.stages):
        for path in sorted(folder.iterdir()):
            whole = path.read_bytes()
            damaged = bytearray(whole)
            damaged[len(whole) // 2] ^= 1
            path.write_bytes(damaged)
            states: list[str] = []
            with pytest.raises(PipelineFailed) as failure:
                network.pipeline(states=states).start()
            assert failure.value.stage == position
            assert str(path) in failure.value.reason
            assert "sha256" in failure.value.reason
            # Not a hop was set up.
            assert not {"linked", "running"} & set(states)
            path.write_bytes(whole)
    with network.pipeline() as pipeline:
        size = network.application.jobs[0].input_bytes
        outcome = pipeline.run(np.zeros((3, size), np.uint8))
        assert not isinstance(outcome, JobFailed)


def test_stages_of_two_networks_are_refused(rig: FaultRig, tmp_path: Path) -> None:
    one = NetworkPipeline(rig, tmp_path / "one")
    other = NetworkPipeline(rig, tmp_path / "other", seed=5)
    assert one.application.manifest != other.application.manifest
    one.stages[1] = other.stages[1]
    states: list[str] = []
    with pytest.raises(PipelineFailed, match="another manifest than the pipeline's") as failure:
        one.pipeline(states=states).start()
    assert failure.value.stage == 1
    assert not {"linked", "running"} & set(states)


def test_stages_that_hold_no_manifest_are_no_stages_of_one_that_has(rig: FaultRig) -> None:
    """A job that holds nothing to check does not say that it holds what it was told of."""
    states: list[str] = []
    pipeline = rig.pipeline(
        SIZES, manifest="0" * 64, on_state=lambda position, state: states.append(state)
    )
    with pytest.raises(PipelineFailed, match="it holds no manifest; expected 0000") as failure:
        pipeline.start()
    assert failure.value.stage == 0
    assert not {"linked", "running"} & set(states)


def test_a_stage_that_holds_another_manifest_is_named(rig: FaultRig) -> None:
    pipeline = rig.pipeline(SIZES, manifest="0" * 64)
    tell(pipeline, "ready", lambda position: {"manifest": str(position) * 64})
    with pytest.raises(PipelineFailed, match=r"holds the manifest 1111.*; expected 0000") as one:
        pipeline.start()
    assert one.value.stage == 1


def tell(pipeline: Pipeline, kind: str, changes: Callable[[int], dict[str, object]]) -> None:
    """Have its boards tell something else of that kind."""
    told = pipeline._states.stage_told

    def otherwise(position: int, state: Any, said: str, message: dict[str, object]) -> None:
        told(position, state, said, {**message, **changes(position)} if said == kind else message)

    pipeline._states.stage_told = otherwise  # type: ignore[assignment,method-assign]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("kind", "field", "value", "said"),
    [
        ("ready", "port", None, "ready at port None"),
        ("ready", "port", True, "ready at port True"),
        ("ready", "port", 65536, "ready at port 65536"),
        ("ready", "port", [1], r"ready at port \[1\]"),
        ("ready", "manifest", 5, "holds the manifest 5"),
        ("ready", "manifest", "x" * 64, "holds the manifest 'xxx"),
        ("linked", "hop", None, "hop None is linked"),
        ("linked", "hop", 7, "hop 7 is linked"),
        ("linked", "hop", "0", "hop '0' is linked"),
    ],
)
def test_nonsense_from_a_board_is_the_failure_of_its_stage(
    rig: FaultRig, kind: str, field: str, value: object, said: str
) -> None:
    """Of stage 1 only, at once, and nothing of it stays behind (the fixture looks)."""
    pipeline = rig.pipeline(SIZES)
    tell(pipeline, kind, lambda position: {field: value} if position == 1 else {})
    began = time.monotonic()
    with pytest.raises(PipelineFailed, match=said) as failure:
        pipeline.start()
    assert failure.value.stage == 1
    assert pipeline._states[1].cause == "protocol"
    assert time.monotonic() - began < 3.0


def test_run_before_all_is_linked_ends_the_stage(rig: FaultRig) -> None:
    """Nobody gets a stage to compute that has not both its hops."""
    asked: list[NodeControl] = []

    def on_state(position: int, state: str) -> None:
        if (position, state) == (0, "ready") and not asked:
            asked.append(rig.nodes[0])
            rig.nodes[0].request("run", task=pipeline._states[0].task)

    pipeline = rig.pipeline(SIZES, on_state=on_state)
    with pytest.raises(PipelineFailed, match="it was told to run; expected link"):
        pipeline.start()
    assert not rig.check_computed(rig.epoch, 2)


def test_stages_that_do_not_fit_are_refused_at_once(rig: FaultRig) -> None:
    plan = StagePlan(rig.nodes[0], "x", {}, 8, 16)
    with pytest.raises(InputError, match="gives 16 bytes"):
        Pipeline(rig.hub, [plan, replace(plan, node=rig.nodes[1])], app="x")
    with pytest.raises(InputError, match="no stages"):
        Pipeline(rig.hub, [], app="x")
    with pytest.raises(InputError, match="a chunk of no bytes"):
        Pipeline(rig.hub, [replace(plan, input_bytes=0)], app="x")


# -- TLS ------------------------------------------------------------------------------------------


def test_a_whole_pipeline_over_tls(rig: FaultRig, tmp_path: Path) -> None:
    path = tmp_path / "hop.pem"
    path.write_bytes(make_link_certificate())
    options = replace(OPTIONS, tls=path, tls_on_boards=(str(path), str(path)))
    sizes = (14400, 20000, 24)
    settings = {1: StageSettings(fault=fault("poison", 2, 5))}
    with rig.pipeline(sizes, options=options, settings=settings) as pipeline:
        for job, count in ((1, 300), (2, 20), (3, 1), (4, 300)):
            given = chunks(job, count, sizes[0])
            outcome = pipeline.run(given)
            if job == 2:
                assert isinstance(outcome, JobFailed)
                assert outcome.pipeline_is_up
            else:
                check_done(outcome, given, sizes)
    with rig.pipeline(sizes, options=options) as pipeline:
        pipeline.run(chunks(1, 2, sizes[0]))
        rig.stages(1)[0].kill()
        outcome = pipeline.run(chunks(2, 50, sizes[0]))
        assert isinstance(outcome, JobFailed)
        assert (outcome.stage, "SIGKILL" in outcome.reason) == (1, True), outcome


@pytest.mark.parametrize(
    "odd", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_another_certificate_at_one_end_is_refused(rig: FaultRig, tmp_path: Path, odd: int) -> None:
    paths = [tmp_path / "hop.pem"] * 3
    paths[0].write_bytes(make_link_certificate())
    paths[odd] = tmp_path / "other.pem"
    paths[odd].write_bytes(make_link_certificate())
    options = replace(
        OPTIONS, tls=paths[2], tls_on_boards=(str(paths[0]), str(paths[1])), link_seconds=1.0
    )
    pipeline = rig.pipeline(SIZES, options=options)
    with pytest.raises(PipelineFailed):
        pipeline.start()
    assert not rig.check_computed(rig.epoch, 2)


# -- a full disk ----------------------------------------------------------------------------------


def test_a_node_whose_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "3m"):
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        records = tmp_path / "rig"
        records.mkdir()
        with FaultRig(2, records) as rig:
            settings = {1: StageSettings(fault=fault("raise", 3, 4))}
            with rig.pipeline(SIZES, settings=settings) as pipeline:
                given = chunks(1, 20, 64)
                check_done(pipeline.run(given), given, SIZES)
                fill(disk)
                # What runs needs no disk, and what fails says so without one.
                given = chunks(2, 20, 64)
                check_done(pipeline.run(given), given, SIZES)
                outcome = pipeline.run(chunks(3, 20, 64))
                assert isinstance(outcome, JobFailed)
                assert (outcome.stage, outcome.reason) == (
                    1,
                    "ArithmeticError: a mistake in the stage",
                )
            # A new one comes up, or says why not; the managers live either way.
            try:
                with rig.pipeline(SIZES) as pipeline:
                    given = chunks(1, 20, 64)
                    check_done(pipeline.run(given), given, SIZES)
            except PipelineFailed as failure:
                reason = failure.reason
                assert "No space left" in reason
            (disk / "filling").unlink()
            with rig.pipeline(SIZES) as pipeline:
                given = chunks(1, 20, 64)
                check_done(pipeline.run(given), given, SIZES)
            assert rig.repair() == 0
            rig.check_boards_are_free()
        assert list(disk.iterdir()) == []
    capfd.readouterr()


def fill(disk: Path) -> None:
    """To the last byte."""
    with (disk / "filling").open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    assert shutil.disk_usage(disk).free == 0
