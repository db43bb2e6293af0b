"""What a deployment's runs say, for people and as files: deploy.json, the timeline's pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dse.atomic_write import atomic_write
from dse.counted import counted
from dse.deploy.deploy_file import FORMAT, VERSION, measured_sections
from dse.deploy.deploy_run import DeployRuns
from dse.deploy.response_times import MeasuredSetting, ResponseTimes, response_times
from dse.deploy.response_times import as_data as response_data
from dse.deploy.response_times import as_text as response_text
from dse.deploy.stage_folders import StageFolders
from dse.deploy.timeline import timeline
from dse.deploy.timeline_text import timeline_text
from dse.errors import FoldingError
from finn_flows.folding import Folding, published_folding
from finn_flows.network import Network

DEPLOY_FILE = "deploy.json"
#: Images whose class is printed.
_MOST_LISTED = 60


@dataclass(frozen=True, eq=False)
class DeployResult:
    """``boards``: their names, in the order of the stages; ``split``: of a deployment in two;
    ``cut_source``: in words, where the cuts come from."""

    network: Network
    weights: str
    folding: Folding
    stages: StageFolders
    boards: tuple[str, ...]
    split: int | None
    cut_source: str
    runs: DeployRuns
    out: Path

    @property
    def times(self) -> ResponseTimes:
        """The response times of the runs."""
        return response_times(self.runs.response_ns, len(self.runs.images))

    @property
    def setting(self) -> MeasuredSetting:
        """What they were measured on."""
        return MeasuredSetting(
            network=self.network.name,
            split=self.split,
            engines=tuple(stage.engine for stage in self.stages.stages),
            published_network=_is_published(self.network, self.folding),
        )

    def to_json(self) -> dict[str, Any]:
        """deploy.json, see docs/formats.md."""
        stages = self.stages.stages
        hops = [stages[0].input.bytes_per_image]
        hops += [stage.output.bytes_per_image for stage in stages]
        engines = [stage.engine for stage in stages]
        runs = self.runs
        return {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network.name,
            "network_sha256": self.network.sha256,
            "weights": self.weights,
            "manifest_sha256": self.stages.manifest_sha256,
            "cuts": [[cut.layer, cut.pool] for cut in self.stages.manifest.cuts],
            "cuts_from": self.cut_source,
            "boards": list(self.boards),
            "identical_to_unsplit": runs.identical,
            "different": list(runs.different),
            "failures": [
                {"job": one.job, "epoch": one.epoch, "stage": one.stage, "reason": one.reason}
                for one in runs.failures
            ],
            "images": [
                {
                    "file": image.name,
                    "class": image.class_name,
                    "class_index": image.class_index,
                    "logits": list(image.logits),
                    **({} if image.label is None else {"label": image.label}),
                }
                for image in runs.images
            ],
            "warm_up_seconds": runs.warm_up_ns / 1e9,
            "response_seconds": [ns / 1e9 for ns in runs.response_ns.tolist()],
            "response_time": response_data(self.times, self.setting),
            "timeline": timeline(runs.median_run).to_json(),
            **measured_sections(runs.timings, engines, hops),
            "tool_versions": {
                name: version(name) for name in ("split-dse", "onnxruntime", "pyzmq")
            },
        }

    def write(self) -> list[Path]:
        """Write deploy.json, timeline.svg and timeline.png into ``out``; their paths."""
        from dse.deploy.timeline_figure import timeline_figure

        job = self.runs.median_run
        drawing = timeline_figure(job, timeline(job), self._title)
        paths = []
        for name, data in (
            (DEPLOY_FILE, json.dumps(self.to_json(), indent=1).encode() + b"\n"),
            ("timeline.svg", drawing.svg),
            ("timeline.png", drawing.png),
        ):
            atomic_write(self.out / name, data)
            paths.append(self.out / name)
        return paths

    @property
    def _title(self) -> str:
        cuts = ", ".join(str(cut) for cut in self.stages.manifest.cuts) or "unsplit"
        engines = ", ".join(stage.engine for stage in self.stages.stages)
        return f"{self.network.name}, {cuts} ({engines}), measured"

    def as_text(self, width: int = 100) -> str:
        """What people read."""
        runs, stages = self.runs, self.stages.stages
        lines = [f"{self.network.name}, weights: {self.weights}", f"cuts {self.cut_source}:"]
        for stage, board in zip(stages, self.boards, strict=True):
            first = stage.input.bytes_per_image
            lines.append(
                f"  stage {stage.position} on {board} ({stage.engine}): {stage.network}, "
                f"{first} bytes in, {stage.output.bytes_per_image} out per image"
            )
        lines.append("")
        lines += _classes(runs)
        same = "identical to" if runs.identical else "DIFFERENT from"
        total = len(runs.images) * (len(runs.response_ns) + 1)
        lines.append(
            f"{counted(total, 'result')} of {counted(len(runs.response_ns), 'run')} and a warm-up: "
            f"{same} the unsplit network in every integer"
            if runs.identical
            else f"{len(runs.different)} of {counted(len(runs.images), 'image')}: {same} the "
            f"unsplit network, the first one {runs.different[0]}"
        )
        for failure in runs.failures:
            lines.append(f"{failure}; run again in a new epoch")
        lines += ["", response_text(self.times, self.setting), ""]
        lines.append(f"Timeline of the median run (warm-up: {runs.warm_up_ns / 1e6:.3f} ms)")
        timed = len(runs.median_run.sent_ns)
        if timed < len(runs.images):
            lines.append(f"of the first {counted(timed, 'image')} of the run: no more are timed")
        lines.append(timeline_text(runs.median_run, timeline(runs.median_run), width))
        return "\n".join(lines)


def _classes(runs: DeployRuns) -> list[str]:
    """A few images a line, each with its class, and the label where that is another."""
    said = []
    for image in runs.images[:_MOST_LISTED]:
        wrong = "" if image.is_right in (None, True) else f" (is {image.label})"
        said.append(f"{image.name}: {image.class_name}{wrong}")
    width = max(map(len, said))
    columns = max(1, 100 // (width + 2))
    lines = [
        "  ".join(text.ljust(width) for text in said[at : at + columns]).rstrip()
        for at in range(0, len(said), columns)
    ]
    if len(runs.images) > _MOST_LISTED:
        lines.append(f"and {len(runs.images) - _MOST_LISTED:,} more, in {DEPLOY_FILE}")
    labelled = [image for image in runs.images if image.is_right is not None]
    if labelled:
        right = sum(bool(image.is_right) for image in labelled)
        lines.append(f"{right:,} of {counted(len(labelled), 'image')} classified as labelled")
    return lines


def _is_published(network: Network, folding: Folding) -> bool:
    try:
        return published_folding(network).sha256 == folding.sha256
    except FoldingError:
        return False
