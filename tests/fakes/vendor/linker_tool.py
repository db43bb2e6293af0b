"""The fake ``v++``: checks what it is asked to link or compile and leaves a file of that name."""

from __future__ import annotations

from pathlib import Path

from session import Session, ToolStop
from tcl_shell import options


def run_linker(session: Session) -> None:
    """``v++ --link|--compile --platform P -o out inputs…``. Raises ToolStop, TclFailure."""
    words = [
        word.lstrip("-") and f"-{word.lstrip('-')}" if word.startswith("-") else word
        for word in session.arguments
    ]
    given, inputs = options(tuple(words), "link", "l", "compile", "c", "g", "s", "save-temps")
    output = given.get("o") or given.get("output")
    if output is None or not ({"link", "l", "compile", "c"} & set(given)):
        session.say("ERROR: [v++ 60-602] Neither --compile nor --link, or no --output")
        raise ToolStop(1)
    for name in inputs:
        if not Path(name).is_file():
            session.error(f"[v++ 60-600] Kernel file does not exist: {name}")
    session.design = Path(output).stem
    session.say(f"[{session.now()[11:19]}] Run run_link: Step vpl: Started")
    for step in ("synthesis", "placement", "routing", "bitstream"):
        session.say(f"[{session.now()[11:19]}] Starting logic {step}..")
        session.step(step, 60)
    Path(output).write_bytes(b"xclbin2\0" + b"".join(Path(name).read_bytes() for name in inputs))
    session.say(f"INFO: [v++ 60-586] Created {output}")
