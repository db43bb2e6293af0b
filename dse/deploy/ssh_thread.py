"""The one event loop of all SSH connections, in a thread of its own: the rest of the client waits
for it as for any other call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` in the SSH thread and return its result, or raise what it raises.

    Several threads may wait at once. A wait that is interrupted (Ctrl-C) cancels the work.
    """
    future = asyncio.run_coroutine_threadsafe(work, _running_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            loop = asyncio.new_event_loop()
            # A daemon: connections end with the process, and the boards clear up behind it.
            threading.Thread(target=loop.run_forever, name="ssh", daemon=True).start()
            _loop = loop
        return _loop
