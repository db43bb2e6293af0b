"""The folders that are copied to the boards, one for each stage of a pipeline."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from dse.atomic_write import atomic_write
from dse.deploy.pipeline_manifest import MANIFEST_NAME, PipelineManifest, Stage, WireImage
from dse.deploy.pipeline_parts import pipeline_parts
from dse.deploy.stage_contents import stage_contents
from dse.deploy.stage_request import StageRequest
from dse.errors import InputError, OutputError
from finn_flows.cut import Cut, normal_cut
from finn_flows.folding import Folding
from finn_flows.network import Network

#: Of the circuits of emulated boards, where nothing else is said: the PYNQ-Z1's.
DEFAULT_DEVICE = "xc7z020clg400-1"


@dataclass(frozen=True)
class StageFolders:
    """``folders``: one for each stage, in their order, each with the same pipeline.json, whose
    sha256 is ``manifest_sha256``."""

    folders: tuple[Path, ...]
    manifest: PipelineManifest
    manifest_sha256: str

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What pipeline.json says of each stage."""
        return self.manifest.stages


def write_stage_folders(
    network: Network,
    cuts: Sequence[Cut],
    engines: Sequence[str],
    directory: Path,
    *,
    folding: Folding | None = None,
    device: str = DEFAULT_DEVICE,
    overlays: Mapping[int, Path] | None = None,
) -> StageFolders:
    """Write ``directory/stage-0``, ``stage-1``, ... for ``network`` cut at ``cuts``.

    ``engines``: one name for each stage. ``folding``, ``device``: of the circuits of ``rtl``
    stages. ``overlays``: for each ``pynq`` stage (by position) the folder of its part.
    ``directory`` appears in one step and takes the place of what this function made there before;
    equal arguments give equal bytes.

    Raises CutError for the cuts, InputError for the engines and for what one lacks, BuildError for
    a circuit that cannot be made, OutputError where ``directory`` cannot be written or holds
    anything else.
    """
    parts = pipeline_parts(network, cuts)
    if len(engines) != len(parts):
        raise InputError(f"{len(engines)} engines for {len(parts)} stages", expected="one for each")
    _check_replaceable(directory)
    stages, contents = [], []
    tool_versions = {"split-dse": version("split-dse")}
    for part, engine in zip(parts, engines, strict=True):
        overlay = (overlays or {}).get(part.position)
        made = stage_contents(engine, StageRequest(network, part, folding, device, overlay))
        contents.append(made.files)
        tool_versions.update(made.tool_versions)
        stages.append(
            Stage(
                part.position,
                engine,
                part.network.name,
                part.network.sha256,
                WireImage.of(part.input),
                WireImage.of(part.output),
                {name: hashlib.sha256(data).hexdigest() for name, data in made.files.items()},
                made.parameters,
            )
        )
    manifest = PipelineManifest(
        network.name,
        network.sha256,
        tuple(normal_cut(network, cut) for cut in cuts),
        tuple(stages),
        tool_versions,
    )
    _publish(directory, manifest, contents)
    folders = tuple(directory / _name(stage.position) for stage in stages)
    return StageFolders(folders, manifest, manifest.sha256)


def _name(position: int) -> str:
    return f"stage-{position}"


def _publish(
    directory: Path, manifest: PipelineManifest, contents: Sequence[Mapping[str, bytes]]
) -> None:
    """``directory`` with all folders, whole or not at all."""
    work: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        new, old = work / "new", work / "old"
        for stage, files in zip(manifest.stages, contents, strict=True):
            folder = new / _name(stage.position)
            for name, data in files.items():
                atomic_write(folder / name, data)
            atomic_write(folder / MANIFEST_NAME, manifest.to_bytes())
        if directory.exists():
            directory.rename(old)
        try:
            new.rename(directory)
        except OSError:
            if old.exists():
                old.rename(directory)
            raise
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=directory) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _check_replaceable(directory: Path) -> None:
    """OutputError if anything but stage folders is there."""
    try:
        entries = list(directory.iterdir()) if directory.exists() else []
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror or error}", where=directory) from error
    for entry in entries:
        if not (entry.name.startswith("stage-") and (entry / MANIFEST_NAME).is_file()):
            raise OutputError(
                f"holds {entry.name}, which is no stage folder",
                where=directory,
                expected="a new or empty folder",
            )
