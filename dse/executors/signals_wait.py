"""Starting and ending processes without a signal in between."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Signals by which a person, a shell or an operating system asks us to end.
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Put off Ctrl-C and what else asks us to end until the block is done.

    A process started in the block does not see a Ctrl-C at all.
    """
    arrived: list[int] = []
    # Python runs a handler in the main thread, whichever thread the signal reached: blocking it is
    # enough for the process that is started (it inherits that), not for us. Only SIGINT is blocked:
    # tools that a worker starts can still be asked to end.
    in_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {
        number: handler
        for number in _ENDING_SIGNALS
        if (handler := signal.getsignal(number)) is not None  # installed by C code: not ours
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if in_main_thread:
        for number in handlers:
            signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main_thread:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if arrived:
        # To whoever handles it, or to its end.
        signal.raise_signal(arrived[0])
