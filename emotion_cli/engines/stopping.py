"""Ctrl-C and SIGTERM during work in parts: the first lets the part be finished, the second stops at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """Whether the work was asked to stop."""

    requested: bool = False

    def here(self) -> None:
        """Say that this is a good place to stop: KeyboardInterrupt if it was asked for."""
        if self.requested:
            raise KeyboardInterrupt


@contextmanager
def stop_between_parts(note: Callable[[str], None]) -> Iterator[Stop]:
    """Turn the first signal into `Stop.requested`; raises KeyboardInterrupt at the second, or when the work ends."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        # only the main thread hears signals
        yield stop
        return

    def asked(number: int, frame: Any) -> None:
        stop.here()
        stop.requested = True
        note("stopping at the end of this part (a second signal stops at once)")

    former = {number: signal.signal(number, asked) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    stop.here()
