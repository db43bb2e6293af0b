"""``python3 node.pyz manage --folder DIR --bind HOST``: the node manager's process.

It reads one line of JSON from standard input (keys and lease), says on standard output where it
listens, and works until standard input ends: whoever started it lives no longer then. It removes
DIR at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, List, Optional


def main(arguments: Optional[List[str]] = None) -> None:
    """Run the node manager until standard input ends."""
    parser = argparse.ArgumentParser(prog="node.pyz")
    commands = parser.add_subparsers(dest="command", required=True)
    manage = commands.add_parser("manage", help="run the node manager of this board")
    manage.add_argument("--folder", type=Path, required=True, help="working folder; removed at end")
    manage.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    options = parser.parse_args(arguments)
    folder: Path = options.folder.resolve()
    try:
        _manage(folder, options.bind)
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)


def _manage(folder: Path, bind: str) -> None:
    import numpy
    import zmq
    from zmq.auth.thread import ThreadAuthenticator

    from dse.deploy.node.manager import NodeManager, bind_router

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's; it closes our input
    line = sys.stdin.buffer.readline()
    if not line:
        return
    orders = json.loads(line)
    for name in ("logs", "parts", "code"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    context: zmq.Context[Any] = zmq.Context()
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    with tempfile.TemporaryDirectory(dir=str(folder)) as keys:
        for index, key in enumerate(orders["client_keys"]):
            text = f'metadata\ncurve\n    public-key = "{key}"\n'
            (Path(keys) / f"client{index}.key").write_text(text)
        authenticator.configure_curve(domain="*", location=keys)
    router, port = bind_router(
        bind, orders["public_key"].encode(), orders["secret_key"].encode(), context
    )
    manager = NodeManager(router, folder, _code(folder), float(orders["lease_seconds"]))
    ready = {
        "port": port,
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "zmq": zmq.zmq_version(),
        "numpy": numpy.__version__,
    }
    print(json.dumps(ready), flush=True)
    try:
        manager.serve(sys.stdin.fileno())
    finally:
        router.close()
        authenticator.stop()
        context.term()


def _code(folder: Path) -> str:
    """What tasks import the board side from: unpacked, so that it is compiled once."""
    program = Path(sys.argv[0])
    if program.is_file() and zipfile.is_zipfile(str(program)):
        with zipfile.ZipFile(str(program)) as archive:
            archive.extractall(str(folder / "code"))
        return str(folder / "code")
    return str(Path(__file__).resolve().parents[3])


if __name__ == "__main__":
    main()
