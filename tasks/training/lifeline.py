"""A process that computes must not outlive the one that waits for it."""

import ctypes
import os
import signal
import sys

LAUNCHER = "LETHE_LAUNCHER_PID"
"""Names, to the process that computes, the process that waits for it."""

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; only Linux can."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def orphaned() -> bool:
    """Whether the launcher died before ``die_with_parent`` was called, so that nobody waits."""
    if LAUNCHER not in os.environ:
        return False
    try:
        os.kill(int(os.environ[LAUNCHER]), 0)
    except ProcessLookupError:
        return True
    return False
