"""A Dask cluster whose workers are jobs of Slurm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dse.errors import ExecutorError
from dse.executors.slurm_file import read_slurm_file

#: Dask forgets the job of a lost worker only after a while; until then it asks for no other.
_FORGOTTEN_SECONDS = 60.0
_ASK_SECONDS = 5.0


class SlurmCluster:
    """A scheduler in this process, and jobs that start its workers; ``dask``: for a client."""

    def __init__(self, jobs: int, dask: Any, path: Path, refusals: list[Exception]) -> None:
        self.dask = dask
        self._jobs = jobs
        self._path = path
        self._refusals = refusals
        self._lost = 0.0
        self._asked = 0.0

    def look(self, lost: bool) -> None:
        """To be called often: ask for jobs in the place of those whose worker is ``lost``.

        Only of those: a job that never had a worker would fail again and again. Raises
        ExecutorError where Slurm refused every job.
        """
        if self._refusals and not any(job.job_id for job in self.dask.workers.values()):
            raise ExecutorError(
                f"no job can be submitted: {_reason(self._refusals[0])}", where=self._path
            )
        now = time.monotonic()
        if lost:
            self._lost = now
        soon = self._lost and now - self._lost < _FORGOTTEN_SECONDS
        if not self._asked or (soon and now - self._asked > _ASK_SECONDS):
            self._asked = now
            self.dask.scale(jobs=self._jobs)


@contextmanager
def slurm_cluster(path: Path) -> Iterator[SlurmCluster]:
    """A cluster as the TOML file says; its jobs are cancelled at the end.

    Raises InputError for a file that cannot be used, ExecutorError where dask-jobqueue is missing
    or the network interface is.
    """
    jobs = read_slurm_file(path)
    try:
        from dask_jobqueue.slurm import SLURMCluster, SLURMJob
        from distributed.deploy.spec import ProcessInterface
    except ImportError as error:
        from dse.executors.dask_executor import INSTALL

        raise ExecutorError(f"dask-jobqueue is not installed; to install it: {INSTALL}") from error
    refusals: list[Exception] = []

    class Job(SLURMJob):
        """Remembers why it was not submitted, which Dask would log, and not close then."""

        async def start(self) -> None:
            try:
                await super().start()
            except Exception as error:
                refusals.append(error)
                await ProcessInterface.start(self)

        async def close(self) -> None:
            if self.job_id is not None:
                await super().close()
            # Dask waits for all to be closed, and nobody else says so of one without a worker.
            await ProcessInterface.close(self)

    job_class: Any = Job  # what is declared is an instance
    offered = " ".join(f"{tag}={amount:g}" for tag, amount in jobs.resources.items())
    arguments = ["--resources", f"'{offered}'"] if offered else []
    try:
        dask = SLURMCluster(
            job_cls=job_class,
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
            scheduler_options={"dashboard_address": "127.0.0.1:0"},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ExecutorError(f"no cluster can be made: {error}", where=path) from error
    try:
        yield SlurmCluster(jobs.jobs, dask, path, refusals)
    finally:
        with suppress(Exception):
            dask.close(timeout=20)


def _reason(refusal: Exception) -> str:
    """What sbatch said, or why it could not be started."""
    if isinstance(refusal, FileNotFoundError):
        return "sbatch is not on PATH; submit from a machine that has Slurm"
    _, _, said = str(refusal).partition("stderr:")
    return said.strip() or str(refusal)
