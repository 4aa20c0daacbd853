"""One holder at a time, across processes; the holder is named to whoever waits."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import BusyError

POLL_SECONDS = 0.2


@contextmanager
def held(path: Path, wait_seconds: float) -> Iterator[int]:
    """Hold the lock file ``path``; yields its descriptor, to hand to children that must keep it.

    Raises:
        BusyError: somebody else still holds it after ``wait_seconds``; the message says who.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file.fileno(), path, time.monotonic() + wait_seconds)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield file.fileno()
        file.truncate(0)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = path.read_text() or "another process"
                raise BusyError(
                    f"{path.stem} is held by {holder}: wait for it, or raise LETHE_WAIT_SECONDS"
                ) from None
            time.sleep(POLL_SECONDS)
