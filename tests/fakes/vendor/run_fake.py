"""What every fake tool of the vendor's runs: ``run_fake.py <tool> <arguments>``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from session import Session, TclFailure, ToolStop


def main() -> int:
    tool, *arguments = sys.argv[1:]
    session = Session(tool, arguments)
    if arguments and arguments[0] in ("-version", "--version"):
        session.say(f"{_title(tool)} v{session.version} (64-bit)")
        return 0
    try:
        if tool == "vivado":
            from vivado_tool import run_vivado

            run_vivado(session)
        elif tool == "v++":
            from linker_tool import run_linker

            run_linker(session)
        else:
            from hls_tool import run_hls

            run_hls(session)
    except ToolStop as stop:
        return stop.code
    except TclFailure as failure:
        first, *trace = str(failure).splitlines() or [""]
        session.say("\n".join([first, *trace]))
        return 1
    finally:
        session.record("end", design=session.design)
    return 0


def _title(tool: str) -> str:
    names = {"vivado": "Vivado", "vivado_hls": "Vivado(TM) HLS", "v++": "v++"}
    return names.get(tool, "Vitis HLS")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
