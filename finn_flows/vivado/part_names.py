"""Names of AMD's parts: device, package, speed grade; and the processing system in a device."""

from __future__ import annotations

import re

from finn_flows.vivado.board import Processor

#: An example of a part with each processor, for whoever wrote another.
EXAMPLES: dict[str, str] = {
    "zynq-7000": "xc7z020clg400-1",
    "zynq-ultrascale+": "xczu3eg-sbva484-1-e",
    "alveo": "xcu250-figd2104-2l-e",
}
_PREFIX = "x[acq]"
_SPEED = r"-[123][a-z]{0,3}(?:-[a-z])?(?:-es\d|-s)?"
_PACKAGE = r"-?[a-z]{2,4}\d{3,4}"
_DEVICES: tuple[tuple[str, Processor | None], ...] = (
    (r"7z\d{3}s?i?", "zynq-7000"),
    (r"(?:zu\d{1,2}t?(?:[ce]g|ev|dr)|k2[0-9])", "zynq-ultrascale+"),
    # Without a processing system, or with another (Versal).
    (r"(?:7[ask]|7v[xh]?|u|au|ku|vu|v[a-z]?)\d{1,4}[a-z]{0,3}", None),
)
_FAMILIES = tuple(
    (re.compile(f"{_PREFIX}{device}{_PACKAGE}{_SPEED}", re.IGNORECASE), processor)
    for device, processor in _DEVICES
)


def is_part(name: str) -> bool:
    """Whether ``name`` can be that of a part: device, package and speed grade, in any case."""
    return any(pattern.fullmatch(name) for pattern, _ in _FAMILIES)


def processor_of(part: str) -> Processor | None:
    """The processing system in a part's device, by its name; None: none, or none that is known."""
    for pattern, processor in _FAMILIES:
        if pattern.fullmatch(part):
            return processor
    return None
