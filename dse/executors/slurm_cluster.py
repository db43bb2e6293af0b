"""A Dask cluster whose workers are jobs of Slurm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dse.errors import ExecutorError
from dse.executors.slurm_file import SlurmJobs, read_slurm_file

#: Dask forgets the job of a lost worker only after a while; until then it asks for no other.
_FORGOTTEN_SECONDS = 60.0
_ASK_SECONDS = 5.0


class SlurmCluster:
    """A scheduler in this process, and jobs that start its workers; ``dask``: for a client."""

    def __init__(self, jobs: SlurmJobs, dask: Any) -> None:
        self.dask = dask
        self._jobs = jobs.jobs
        self._lost = 0.0
        self._asked = 0.0

    def scale(self) -> None:
        """Ask for jobs until there are as many as the file says."""
        self._asked = time.monotonic()
        self.dask.scale(jobs=self._jobs)

    def replace_lost(self, lost: bool) -> None:
        """To be called often: ask for jobs in the place of those whose worker is ``lost``.

        Only for those: a job that never had a worker would fail again and again.
        """
        now = time.monotonic()
        if lost:
            self._lost = now
        if (
            self._lost
            and now - self._lost < _FORGOTTEN_SECONDS
            and now - self._asked > _ASK_SECONDS
        ):
            self.scale()


@contextmanager
def slurm_cluster(path: Path) -> Iterator[SlurmCluster]:
    """A cluster as the TOML file says, with its jobs submitted; they are cancelled at the end.

    Raises InputError for a file that cannot be used, ExecutorError where Slurm refuses.
    """
    jobs = read_slurm_file(path)
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        from dse.executors.dask_executor import INSTALL

        raise ExecutorError(f"dask-jobqueue is not installed; to install it: {INSTALL}") from error
    offered = " ".join(f"{tag}={amount:g}" for tag, amount in jobs.resources.items())
    arguments = ["--resources", f"'{offered}'"] if offered else []
    try:
        dask = SLURMCluster(
            queue=jobs.queue,
            account=jobs.account,
            cores=jobs.builds,
            processes=1,
            job_cpu=jobs.cores,
            memory=jobs.memory,
            walltime=jobs.walltime,
            job_extra_directives=list(jobs.job_extra_directives),
            job_script_prologue=[
                *(f"module load {module}" for module in jobs.modules),
                *jobs.prologue,
            ],
            worker_extra_args=arguments,
            interface=jobs.interface,
            local_directory=jobs.local_directory,
            log_directory=jobs.log_directory,
            python=jobs.python,
            death_timeout=jobs.death_timeout,
            job_name="dse",
            scheduler_options={"dashboard_address": None},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ExecutorError(f"no cluster can be made: {error}", where=path) from error
    cluster = SlurmCluster(jobs, dask)
    try:
        try:
            cluster.scale()
            dask.sync(dask._correct_state)  # the first jobs, so that a refusal is seen
        except Exception as error:
            raise ExecutorError(f"sbatch failed: {error}", where=path) from error
        yield cluster
    finally:
        with suppress(Exception):
            dask.close(timeout=20)
