"""Starting an application's tasks: their programs on the boards, a process for each replica."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from dse.deploy.application import Application, TaskEntry
from dse.deploy.board import Board
from dse.deploy.node.child import Limits
from dse.deploy.node_control import answer_of
from dse.deploy.nodes import Nodes
from dse.deploy.placement import Demand
from dse.deploy.running_app import Replica, RunningApp
from dse.errors import DeployError

_SPAWN_SECONDS = 10.0


def task_demands(application: Application) -> list[Demand]:
    """What the replicas of its tasks ask for, in the order of :func:`make_replicas`."""
    return [
        Demand(f"{task.task_name} {peer}", task.cpu_quota, task.fpga)
        for task, peer in _each(application)
    ]


def job_demands(application: Application) -> list[Demand]:
    """What its jobs ask for, in their order."""
    return [Demand(job.job_name, job.cpu_quota, job.fpga) for job in application.jobs]


def make_replicas(application: Application, boards: Sequence[Board]) -> tuple[Replica, ...]:
    """Every replica, not started yet, each with its one of ``boards``."""
    start = secrets.token_hex(4)  # no process of an earlier start has such an id
    return tuple(
        Replica(f"{start}-{index}", task.task_name, peer, board, task.cpu_quota, task.fpga)
        for index, ((task, peer), board) in enumerate(zip(_each(application), boards, strict=True))
    )


def launch(nodes: Nodes, app: RunningApp) -> None:
    """Copy the programs of ``app``'s replicas, and spawn each. Raises DeployError for the first
    that cannot be; those that could are then still to be stopped."""
    tasks = {task.task_name: task for task in app.application.tasks}
    paths = _copy(nodes, app, tasks)
    answers = []
    for replica in app.replicas:
        task = tasks[replica.task]
        node = replica.node = nodes.control(replica.board)
        answer = node.request(
            "spawn",
            task=replica.task_id,
            app=app.app_id,
            name=replica.task,
            peer=replica.peer,
            main=f"{paths[replica.board.name, replica.task]}/{task.main_file}",
            config={**task.config, "task": {"peer": replica.peer, "count": task.task_count}},
            limits=Limits()._asdict(),
            cpu=replica.cpu,
            fpga=replica.fpga,
        )
        answers.append((replica, node, answer))
    errors = []
    for replica, node, answer in answers:
        try:
            answer_of(node, answer, _SPAWN_SECONDS)
        except DeployError as error:
            errors.append(error)
            # It may only have been slow.
            node.request("stop", task=replica.task_id)
            with app.changed:
                replica.phase, replica.reason = "failed", str(error)
    if errors:
        raise errors[0]


def _each(application: Application) -> list[tuple[TaskEntry, int]]:
    return [(task, peer) for task in application.tasks for peer in range(task.task_count)]


def _copy(
    nodes: Nodes, app: RunningApp, tasks: Mapping[str, TaskEntry]
) -> dict[tuple[str, str], str]:
    """Where each task's program is on each board."""
    copies = {
        (replica.board.name, replica.task): (
            replica.board,
            app.application.folder / tasks[replica.task].main_dir,
            f"{app.prefix}{replica.task}-program",
        )
        for replica in app.replicas
    }
    return dict(zip(copies, nodes.put_all(list(copies.values())), strict=True))
