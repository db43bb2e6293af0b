"""What a line of a vendor tool's log says of a failure.

Texts as Vivado 2014 to 2024, Vitis HLS, v++ and FlexNet print them (UG835, UG904, UG973 name the
message ids; the wording is that of logs which users published).
"""

from __future__ import annotations

import re

from finn_flows.vendor.failure import Excess, FailureKind

#: ``ERROR: [Place 30-640] …``; ``ERROR:`` alone; v++ and older HLS print ``@E [HLS-…]``.
_ERROR = re.compile(r"^\s*(?:ERROR:|@E )\s*(?P<text>.*\S)")
#: Said of earlier failures, not what failed: the first ERROR before it is what a person wants.
_FOLLOWS = re.compile(
    r"\[Common 17-39\]|\[Vivado 12-13638\]|due to earlier errors|\[Common 17-69\]|"
    r"see the log of run \w+|"  # our own scripts
    r"\[v\+\+ 60-(?:399|599|661|702|703|806)\]|\[VPL 60-(?:399|773|806)\]|\[HLS 200-70\]",
)

#: In this order: what comes first explains what comes later. A crash is what the others end in.
_KINDS: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        FailureKind.DISK_FULL,
        re.compile(r"No space left on device|\bENOSPC\b|disk (?:is|may be) full|Disk quota", re.I),
    ),
    (
        FailureKind.LICENCE,
        # 17-348 is a WARNING; where that is all that is said, the run says no more than "failed".
        re.compile(
            r"\[Common 17-34[58]\]|valid licen[cs]e was not found|"
            r"Failed to (?:get|check ?out) (?:a|the) licen[cs]e|"
            r"licen[cs]e check-?out (?:has )?failed|"
            r"^\s*ERROR:.*\b(?:FLEX(?:lm|net)|licen[cs]ing error|licen[cs]e check failed)|"
            r"Licensed number of users already reached",
            re.I,
        ),
    ),
    (
        FailureKind.OUT_OF_MEMORY,
        re.compile(
            r"insufficient memory|std::bad_alloc|out of memory|Cannot allocate memory|"
            r"unable to (?:re)?alloc(?:ate)? .*(?:bytes|memory)|OutOfMemoryError",
            re.I,
        ),
    ),
    (
        FailureKind.DOES_NOT_FIT,
        re.compile(
            r"^\s*ERROR:.*(?:\bUTLZ-1\]|\[Place 30-(?:640|487|484|380|99[^\]]*overutil)|"
            r"requires more .+ cells than are available|"
            r"over-?utilized in|could not place .* due to lack of|packing of \w+ into)",
            re.I,
        ),
    ),
    (
        # v++ slows down the kernels' clock, and gives up where another of the platform is late.
        FailureKind.TIMING,
        re.compile(r"^\s*ERROR:.*\bdesign did not meet timing\b", re.I),
    ),
    (
        FailureKind.CRASH,
        re.compile(
            r"Abnormal program termination|An unexpected error has occurred \(\d+\)|"
            r"segmentation (?:fault|violation)|^segfault in |Stack dump:|"
            # What a shell says of a program that it ran.
            r"line \d+:\s+\d+ (?:Killed|Aborted|Segmentation fault|Bus error|Illegal instruction)|"
            r"^(?:Killed|Aborted)(?: \(core dumped\))?\s*$",
            re.I,
        ),
    ),
)
#: A failure that asking again later can mend: all licences are out, or their server is away.
_BUSY = re.compile(
    r"users already reached|-(?:4|15|16|96|97),\d+|"
    r"licen[cs]es? (?:is|are) (?:all |currently )*in use|"
    r"cannot connect to licen[cs]e server|licen[cs]e server .*(?:down|not respond)",
    re.I,
)
_PORT_TAKEN = re.compile(r"Address already in use|EADDRINUSE", re.I)

_REQUIRES = re.compile(
    r"requires more (?P<resource>.+?) cells than are available in "
    r"(?P<where>the target device|Pblock)"
    r".*?requires (?P<needed>[\d,]+) of such cell types but only (?P<available>[\d,]+)",
    re.I,
)
_SLICES = re.compile(
    r"of which (?P<available>[\d,]+) slices are available,? however,? the unplaced instances "
    r"require (?P<needed>[\d,]+) slices",
    re.I,
)
#: The tool's cell types that are counted as a resource of ours, and how many of them one of ours
#: is. (A RAMB18 is half a tile; FIFOs lie in the same sites.)
_RESOURCES = {
    "slice luts": ("lut", 1.0),
    "clb luts": ("lut", 1.0),
    "lut as logic": ("lut_as_logic", 1.0),
    "lut as memory": ("lutram", 1.0),
    "slice registers": ("ff", 1.0),
    "clb registers": ("ff", 1.0),
    "register as flip flop": ("ff", 1.0),
    "ramb18 and ramb36/fifo": ("bram", 0.5),
    "dsps": ("dsp", 1.0),
    "uram": ("uram", 1.0),
    "uram288": ("uram", 1.0),
}


def error_text(line: str) -> str | None:
    """What ``line`` says if it is an ERROR of the tool, None if it is not."""
    found = _ERROR.match(line)
    return found["text"] if found else None


def follows_from_another(text: str) -> bool:
    """Whether an ERROR only says that something failed before it."""
    return _FOLLOWS.search(text) is not None


def kind_of(line: str) -> FailureKind | None:
    """The class of failure that ``line`` speaks of, if the run then failed; None for most lines."""
    return next((kind for kind, pattern in _KINDS if pattern.search(line)), None)


def rank_of(kind: FailureKind) -> int:
    """Lower: explains the others where a log speaks of several."""
    return [known for known, _ in _KINDS].index(kind)


def is_busy(line: str) -> bool:
    """Whether a licence would be there later."""
    return _BUSY.search(line) is not None


def is_port_taken(line: str) -> bool:
    """Whether two runs asked for one port (Vitis HLS picks one at random)."""
    return _PORT_TAKEN.search(line) is not None


def excess_of(line: str) -> Excess | None:
    """Which resource is short, and by how much, if ``line`` says so of the whole device."""
    found = _REQUIRES.search(line)
    if found:
        if found["where"].lower() == "pblock":
            return None
        name, part = _RESOURCES.get(found["resource"].strip().lower(), (found["resource"], 1.0))
        return Excess(name, _number(found["needed"]) * part, _number(found["available"]) * part)
    found = _SLICES.search(line)
    return (
        Excess("slices", _number(found["needed"]), _number(found["available"])) if found else None
    )


def _number(text: str) -> float:
    return float(text.replace(",", ""))
