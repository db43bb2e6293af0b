"""The process in which Yosys runs: ``python -P yosys_process.py SCRIPT``.

Runs the commands in the file SCRIPT, one a line, and writes what Yosys says to standard output. A
line ``if_any SELECTION COMMAND`` is run only if the selection (without blanks) holds anything.
It stands alone, importing nothing of this project, since it is started by its path.
"""

from __future__ import annotations

import sys
from pathlib import Path

IF_ANY = "if_any "


def main(script: Path) -> None:
    from pyosys import libyosys  # type: ignore[import-untyped]

    design = libyosys.Design()
    for command in script.read_text().splitlines():
        if command.startswith(IF_ANY):
            selection, command = command.removeprefix(IF_ANY).split(" ", 1)
            selected = Path("selected.txt")
            libyosys.run_pass(f"select -write {selected} {selection}", design)
            if not selected.read_text():
                continue
        libyosys.run_pass(command, design)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
