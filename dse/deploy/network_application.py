"""The ready applications: a network in parts, as a pipeline of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dse.atomic_write import atomic_write
from dse.deploy.application import APP_FILE, Application, read_application
from dse.deploy.stage_folders import DEFAULT_DEVICE, StageFolders, write_stage_folders
from finn_flows.cut import Cut
from finn_flows.folding import Folding
from finn_flows.network import Network

MAIN_DIR, MAIN_FILE, STAGES_DIR = "bnn_stage", "stage.py", "stages"

_STAGE_PROGRAM = '''\
"""A stage of the network: its part, computed by the engine that pipeline.json names."""

from dse.deploy.node.network_job import main

if __name__ == "__main__":
    main()
'''


def application_name(stages: int) -> str:
    """``two_stage_bnn_app`` for two, else ``n_stage_bnn_app``."""
    return "two_stage_bnn_app" if stages == 2 else "n_stage_bnn_app"


def write_network_application(
    network: Network,
    cuts: Sequence[Cut],
    engines: Sequence[str],
    directory: Path,
    *,
    folding: Folding | None = None,
    device: str = DEFAULT_DEVICE,
    overlays: Mapping[int, Path] | None = None,
) -> tuple[Application, StageFolders]:
    """Write the application of ``network`` cut at ``cuts`` into ``directory``/<its name>.

    Arguments and errors as of
    :func:`~dse.deploy.stage_folders.write_stage_folders`.
    """
    import yaml

    name = application_name(len(cuts) + 1)
    folder = directory / name
    stages = write_stage_folders(
        network,
        cuts,
        engines,
        folder / STAGES_DIR,
        folding=folding,
        device=device,
        overlays=overlays,
    )
    atomic_write(folder / MAIN_DIR / MAIN_FILE, _STAGE_PROGRAM)
    content = {
        "app_name": name,
        "manifest": stages.manifest_sha256,
        "jobs": [
            {
                "job_name": f"stage-{stage.position}",
                "main_dir": MAIN_DIR,
                "main_file": MAIN_FILE,
                "data_dir": f"{STAGES_DIR}/{path.name}",
                "input_bytes": stage.input.bytes_per_image,
                "output_bytes": stage.output.bytes_per_image,
                "cpu_quota": 1000,
                "fpga": 1,
            }
            for stage, path in zip(stages.stages, stages.folders, strict=True)
        ],
    }
    atomic_write(folder / APP_FILE, yaml.safe_dump(content, sort_keys=False))
    return read_application(folder), stages
