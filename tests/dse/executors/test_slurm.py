"""Slurm: the file that says which jobs, and a sweep whose workers a stand-in of sbatch starts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from dse.errors import InputError
from dse.executors.slurm_file import SlurmJobs, read_slurm_file
from tests.dse.sandbox import PROJECT, SLUGS, Sandbox
from tests.dse.test_kill import assert_results_are_whole

FAKES = PROJECT / "tests" / "fakes" / "slurm"
GOOD = """\
jobs = 2
cores = 1
memory = "1GB"
walltime = "00:10:00"
queue = "fpga"
interface = "lo"
job_extra_directives = ["--licenses=vivado:1"]
prologue = ["export SLEEPING_BACKEND_SECONDS=0.2"]

[resources]
vivado = 1
"""


def test_what_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(GOOD)
    jobs = read_slurm_file(path)
    assert (jobs.jobs, jobs.cores, jobs.builds, jobs.queue) == (2, 1, 1, "fpga")
    assert jobs.resources == {"vivado": 1.0}
    assert jobs.modules == []


def test_the_file_of_the_page_is_one(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "cluster-sweep.md").read_text()
    (block,) = [part.split("```")[0] for part in page.split("```toml\n")[1:]]
    path = tmp_path / "slurm.toml"
    path.write_text(block)
    assert read_slurm_file(path).resources == {"vivado": 1.0}
    for name in SlurmJobs.model_fields:
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("queue", "quue", r":5: unknown key 'quue' \(choose from jobs, cores, memory,"),
        ("jobs = 2\n", "", r": jobs is missing"),
        ("jobs = 2", "jobs = 0", r":1: jobs = '0': Input should be greater than or equal to 1"),
        ("jobs = 2", 'jobs = "2"', r":1: jobs = '2': Input should be a valid integer"),
        (
            '"1GB"',
            '"much"',
            r":3: memory = 'much'; expected a number with kB, MB, GB or TB, such as 16GB$",
        ),
        ('"00:10:00"', '"soon"', r":4: walltime = 'soon'; expected hours:minutes:seconds"),
        ("vivado = 1", "vivado = -1", r":11: resources\.vivado = '-1'"),
        (
            '"fpga"',
            '"fpga; rm -rf x"',
            r":5: queue = 'fpga; rm -rf x'; expected one word of letters",
        ),
        ("jobs = 2", "jobs = ", r":1: is not TOML: Invalid value"),
        (
            '"--licenses=vivado:1"',
            '"-x\\n-y"',
            r":7: job_extra_directives\.0 = '.*'; expected one line",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    path = tmp_path / "slurm.toml"
    assert before in GOOD
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(InputError, match=rf"slurm\.toml{said}"):
        read_slurm_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_slurm_file(tmp_path / "slurm.toml")


@pytest.fixture
def slurm(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-in's jobs; slurm.toml stands in the sandbox."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    (sandbox.folder / "slurm.toml").write_text(GOOD)
    return folder


ON_SLURM = ("--slurm", "slurm.toml", "--resource", "vivado=1")


@pytest.mark.slow
def test_a_sweep_whose_workers_are_jobs(sandbox: Sandbox, slurm: Path) -> None:
    process = sandbox.start(*sandbox.sweep_arguments(*ON_SLURM))
    sandbox.wait_for_builds(1)
    # A job that is lost in the middle (its node fails, say): its build is done by the other one.
    job = psutil.Process(int((slurm / "100.pid").read_text()))
    for one in (*job.children(recursive=True), job):
        one.kill()
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert assert_results_are_whole(sandbox.out) == set(SLUGS)
    assert "Traceback" not in errors
    assert "Warning" not in errors
    script = (slurm / "101.sh").read_text()
    for line in (
        "#SBATCH -p fpga",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH -t 00:10:00",
        "#SBATCH --licenses=vivado:1",
        "export SLEEPING_BACKEND_SECONDS=0.2",
    ):
        assert line in script.splitlines()
    # Every job is cancelled, and nothing of it left.
    assert not list(slurm.glob("*.pid"))
    deadline = time.monotonic() + 10
    while sandbox.processes():
        assert time.monotonic() < deadline, sandbox.processes()
        time.sleep(0.05)


@pytest.mark.slow
def test_what_slurm_refuses_is_one_line(sandbox: Sandbox, slurm: Path) -> None:
    (sandbox.folder / "slurm.toml").write_text(GOOD.replace('"fpga"', '"nowhere"'))
    refused = sandbox.sweep(*ON_SLURM)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == (
        "dse: error: slurm.toml: no job can be submitted: sbatch: error: Batch job submission "
        "failed: Invalid partition name specified"
    )
    assert "Traceback" not in refused.stderr
    sandbox.assert_no_process_is_left()
