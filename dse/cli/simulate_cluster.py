"""``dse simulate-cluster``: a model of many boards, from the measured times of a few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from dse.cli.options import json_option
from dse.cli.quantities import ByteCounts, Counts, Duration, Durations, LinkRate

MOST_BOARDS = 10_000
DEPLOY_FILE = Path("build/deploy/deploy.json")


@click.command(name="simulate-cluster")
@click.option(
    "--boards",
    type=Counts(1, MOST_BOARDS),
    metavar="N",
    help="Boards in all: 4, 2,10,100 or 2-8. [default: one for each known stage]",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, MOST_BOARDS),
    metavar="R",
    help="Pipelines; where boards are left for longer ones, the known stages are repeated in turn. "
    "[default: as many pipelines of the known stages as there are boards for]",
)
@click.option(
    "--spread",
    type=click.Choice(["jobs", "images"]),
    default="jobs",
    show_default=True,
    help="What goes to different pipelines: whole jobs, or a job's images in turn.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    metavar="N",
    help="Images of a job.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    metavar="N",
    help="Jobs, all there from the beginning.",
)
@click.option(
    "--deploy",
    "deploy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Measured service times, as `dse deploy` writes them. [default: build/deploy/deploy.json]",
)
@click.option(
    "--service",
    type=Durations(),
    metavar="T,...",
    help="Service time of each stage, as 700us,300us, in place of --deploy.",
)
@click.option(
    "--bytes",
    "bytes_per_image",
    type=ByteCounts(),
    metavar="B,...",
    help="With --service: bytes an image over each hop, from the client and back to it (one more "
    "than stages).",
)
@click.option(
    "--link",
    type=LinkRate(),
    metavar="RATE",
    help="Of every link: 100Mbit, 1Gbit, unlimited. [default: as measured, else 1Gbit]",
)
@click.option(
    "--latency",
    type=Duration(),
    metavar="T",
    help="Of every link, one way: 50us. [default: as measured, else 100us]",
)
@click.option(
    "--window",
    type=click.IntRange(1, 65536),
    metavar="N",
    help="Images that may be on the way in a hop. [default: 64]",
)
@click.option(
    "--cores",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="What all stages share, as emulated boards do on one machine. [default: each has its own]",
)
@click.option(
    "--mtbf",
    type=Duration(),
    metavar="T",
    help="Mean time between failures of a board. [default: none fails]",
)
@click.option("--repair", type=Duration(), metavar="T", help="Of a board. [default: 1min]")
@click.option(
    "--detect",
    type=Duration(),
    metavar="T",
    help="From a failure until the client knows. [default: 3s]",
)
@click.option(
    "--setup",
    type=Duration(),
    metavar="T",
    help="To bring a pipeline up again for a retry. [default: 0s]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**62),
    default=0,
    show_default=True,
    metavar="N",
    help="Of service times drawn and of failures.",
)
@json_option
def simulate_cluster(
    boards: tuple[int, ...] | None,
    replicas: int | None,
    spread: Literal["jobs", "images"],
    images: int,
    jobs: int,
    deploy_file: Path | None,
    service: tuple[int, ...] | None,
    bytes_per_image: tuple[int, ...] | None,
    link: float | None,
    latency: int | None,
    window: int | None,
    cores: int | None,
    mtbf: int | None,
    repair: int | None,
    detect: int | None,
    setup: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Model 2 to 1000 boards: response times, images per second, failures and retries.

    Takes the service times that `dse deploy` measured, or those given. The figures are a model's,
    and the output says where each that went in comes from (docs/cluster-model.md).
    """
    from dse.deploy.cluster_inputs import failure_inputs, given_stages, measured_stages
    from dse.deploy.cluster_model import Cluster, predict, simulate
    from dse.deploy.cluster_plan import cluster_shape, plan_cluster
    from dse.deploy.cluster_report import ClusterResult, Given, as_data, as_text
    from dse.deploy.model_size import check_size

    if mtbf is None and (repair, detect, setup) != (None, None, None):
        raise click.UsageError("--repair, --detect and --setup are of failures: give --mtbf, too")
    if service is not None and deploy_file is not None:
        raise click.UsageError("--service and --deploy: one of them at a time")
    if service is None and bytes_per_image is not None:
        raise click.UsageError("--bytes is of given stages: give --service, too")
    if service is not None:
        known = given_stages(service, bytes_per_image, link, latency, window)
    else:
        known = measured_stages(deploy_file or DEPLOY_FILE, link, latency, window)
    inputs = known.inputs
    failures = None
    if mtbf is not None:
        failures, more = failure_inputs(mtbf, repair, detect, setup)
        inputs += more
    if cores is not None:
        inputs.append(Given("cores shared by all stages", f"{cores:,}", "given"))
    results = []
    counts = boards or (len(known.service_ns) * (replicas or 1),)
    shapes = [cluster_shape(len(known.service_ns), count, replicas) for count in counts]
    check_size(shapes, spread, images, jobs)
    for count in counts:
        plan = plan_cluster(
            known.service_ns, known.hops, count, replicas, turnaround_ns=known.turnaround_ns
        )
        cluster = Cluster(
            plan.service_ns,
            plan.hops,
            plan.replicas,
            spread,
            cores=cores,
            failures=failures,
            turnaround_ns=plan.turnaround_ns,
        )
        alone = predict(
            plan.service_ns,
            plan.hops,
            images,
            turnaround_ns=plan.turnaround_ns,
            cores=cores,
            seed=seed,
        )
        run = simulate(cluster, images=images, jobs=jobs, seed=seed)
        results.append(ClusterResult(plan, alone, run))
    if as_json:
        click.echo(json.dumps(as_data(inputs, results, seed), indent=1, allow_nan=False))
    else:
        click.echo(as_text(inputs, results))
