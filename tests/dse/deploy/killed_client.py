"""A client to be killed: brings a board up, says where, and sleeps.

``python -m tests.dse.deploy.killed_client BOARDS NAME``, or without arguments for a local board.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dse.deploy.boards_file import choose_boards, read_boards
from dse.deploy.key_files import ClientKeys
from dse.deploy.local_board import LocalBoard
from dse.deploy.ssh_board import SshBoard

if __name__ == "__main__":
    key = ClientKeys.new().public
    board: LocalBoard | SshBoard
    if sys.argv[1:]:
        file, name = Path(sys.argv[1]), sys.argv[2]
        (entry,) = choose_boards(read_boards(file), [name], file)
        board = SshBoard(entry, client_key=key)
    else:
        board = LocalBoard("local", "onnx", client_key=key)
    board.start()
    print(board.folder, flush=True)
    time.sleep(600)
