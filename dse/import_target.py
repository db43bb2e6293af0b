"""What imported runs are taken to be of: the sweep in the folder, else a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import InputError
from dse.import_runs import ImportTarget
from reports.sweep_record import SweepRecord

if TYPE_CHECKING:
    from finn_flows.network import Network


def import_target(
    out: Path,
    weights: str | None,
    model: Path | None,
    device: str | None,
    clock_mhz: float | None,
    folding: str | None,
) -> ImportTarget:
    """That of the sweep in ``out``; where there is none, or a network is named, of the network.

    ``weights``, ``model``, ``clock_mhz``, ``folding`` (as for a sweep): None if not given. Raises
    InputError if they contradict a sweep in ``out``, or that has several configurations.
    """
    from dse.sweep_file import SWEEP_FILE, read_own_records

    swept = read_own_records(out) if (out / SWEEP_FILE).is_file() else []
    if not swept:
        return _of_network(weights, model, device, clock_mhz, folding)
    target = _of_sweep(swept, out)
    for what, given, there in (
        ("--device", device, target.device),
        ("--clock", clock_mhz, target.clock_mhz),
        ("--folding", folding, target.folding),
    ):
        if given is not None and given != there:
            raise InputError(f"{what} {given} beside a sweep with {there}", where=out)
    from finn_flows.weights import load_weights

    network = load_weights(weights, model).network
    if network.sha256 == target.network_sha256:
        # Cuts that were not swept, too.
        return replace(target, bytes_per_image=_cuts(network))
    if weights is not None or model is not None:
        raise InputError(
            f"{network.name} beside a sweep of another network, {target.network}", where=out
        )
    return target


def _of_sweep(records: list[SweepRecord], out: Path) -> ImportTarget:
    from reports.table import group_records

    groups = group_records(records)
    if len(groups) != 1:
        raise InputError(f"{len(groups)} configurations in one sweep", where=out)
    [configuration] = groups
    return ImportTarget(
        configuration.network,
        configuration.network_sha256,
        configuration.device,
        configuration.clock_mhz,
        configuration.folding,
        {
            (record.split, record.pool): record.bytes_per_image
            for record in records
            if record.split is not None and record.pool is not None
        },
        records[0].published_design,
        records[0].published_folding,
    )


def _of_network(
    weights: str | None,
    model: Path | None,
    device: str | None,
    clock_mhz: float | None,
    folding: str | None,
) -> ImportTarget:
    from dse.design_point import published_as
    from dse.device_choice import choose_device
    from dse.folding_choice import choose_folding
    from finn_flows.weights import load_weights

    loaded = load_weights(weights, model)
    network = loaded.network
    chosen = choose_folding(folding, network, loaded.folding)
    return ImportTarget(
        network.name,
        network.sha256,
        choose_device(device, None),
        100.0 if clock_mhz is None else clock_mhz,
        chosen.name,
        _cuts(network),
        **published_as(network, chosen),
    )


def _cuts(network: Network) -> dict[tuple[int, str], int | None]:
    from finn_flows.cut import cut_tensor, legal_cuts

    return {
        (cut.layer, cut.pool): cut_tensor(network, cut).bytes_per_image
        for cut in legal_cuts(network, "both")
    }
