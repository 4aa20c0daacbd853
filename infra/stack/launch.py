"""Become a server of the stack, or one of its jobs, with exactly the secrets it needs."""

import ctypes
import os
import signal
import sys
from typing import NoReturn

from infra.stack import secrets
from infra.stack.services import WORKER, common_environment, service
from infra.stack.settings import StackSettings

DIED_WITH_PARENT = 1  # PR_SET_PDEATHSIG
JOBS = ("deploy", "drain", "demo")
"""What is done once, as a client of Prefect; a module of this folder each."""


def environment(settings: StackSettings, name: str) -> dict[str, str]:
    """The whole environment of a server or a job: ours without any secret, then its own.

    Raises:
        ConfigError: there is nothing of that name, or a secret is missing.
    """
    found = WORKER if name in JOBS else service(name)
    kept = {key: value for key, value in os.environ.items() if key not in secrets.ALL}
    secret = secrets.read(settings, found.secret)
    return {**kept, **common_environment(settings), **found.environment(settings, secret)}


def become(settings: StackSettings, name: str) -> NoReturn:
    """Replace this process by the server or the job; it dies with its supervisor."""
    command = (
        [sys.executable, "-m", f"infra.stack.{name}"]
        if name in JOBS
        else service(name).command(settings)
    )
    known = environment(settings, name)
    ctypes.CDLL("libc.so.6").prctl(DIED_WITH_PARENT, signal.SIGTERM)
    # A shell's background job ignores SIGINT, and a worker that does ignores its first SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(command[0], command, known)  # noqa: S606 - no shell is wanted
