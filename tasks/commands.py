"""git and DVC as child processes of ours: they die with us, and read no configuration but ours.

So do the stages that DVC starts (see ``LEASH`` in ``tasks/stages.py``).
"""

import ctypes
import logging
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasks.core.errors import (
    BusyError,
    ConfigError,
    DataError,
    LetheError,
    ProcessError,
    StorageError,
)
from tasks.core.settings import PROJECT, Settings

DIED_WITH_PARENT = 1  # PR_SET_PDEATHSIG
POLL_SECONDS = 0.5
FORESEEN: dict[str, type[LetheError]] = {
    error.__name__: error for error in (ConfigError, DataError, StorageError, BusyError)
}
# What DVC says itself, and what we say of it.
DVC_SAYS: dict[str, LetheError] = {
    "No space left on device": StorageError("no space left for the data: free some"),
    "Permission denied": StorageError("the data may not be written: change the mode of artifacts"),
    "is busy, it is being": BusyError("another `dvc repro` runs in the workspace: wait for it"),
    "Unable to acquire lock": BusyError("another `dvc` runs in the workspace: wait for it"),
}
log = logging.getLogger(__name__)


def git(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in ``path``; its exit code is the caller's to read."""
    return subprocess.run(
        ["git", *arguments],
        cwd=path,
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
    )


def git_must(path: Path, *arguments: str) -> str:
    """What git says in ``path``.

    Raises:
        ProcessError: it failed.
    """
    result = git(path, *arguments)
    if result.returncode:
        raise ProcessError(f"git {arguments[0]} in {path}: {' '.join(result.stderr.split())}")
    return result.stdout.strip()


def environment() -> dict[str, str]:
    """Ours, without what a person's git or shell configuration would change."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    modules = os.pathsep.join(filter(None, [str(PROJECT), kept.get("PYTHONPATH")]))
    return kept | {
        "PATH": path,
        "PYTHONPATH": modules,
        "SHELL": "/bin/sh",
        "DVC_NO_ANALYTICS": "1",
        "LETHE_ARTIFACTS": str(Settings().root),
        "LETHE_TOMBSTONES": str(Settings().tombstones_path),
        "DVC_SITE_CACHE_DIR": str(Settings().root / "dvc-site"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "lethe",
        "GIT_AUTHOR_EMAIL": "lethe@localhost",
        "GIT_COMMITTER_NAME": "lethe",
        "GIT_COMMITTER_EMAIL": "lethe@localhost",
        "LETHE_LEASH": "1",
    }


def dvc(path: Path, arguments: list[str], lock: int | None) -> None:
    """Run DVC in a workspace; its stages' progress goes to our standard error.

    Raises:
        LetheError: it failed; the message is the failing stage's own where it had one.
    """
    said = path / ".dvc/tmp/lethe.log"
    said.parent.mkdir(exist_ok=True)
    with (
        said.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=path,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[] if lock is None else [lock],
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        ) as process,
    ):
        try:
            lines = list(_forwarded(process))
            code = process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        raise _failure(arguments[0], code, lines)


def _die_with_parent() -> None:
    ctypes.CDLL("libc.so.6").prctl(DIED_WITH_PARENT, signal.SIGKILL)


def _forwarded(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Each line of a process's standard error, shown to the person at once unless it is an error.

    Ends with the process, even if an orphan of it keeps the pipe open.
    """
    assert process.stderr is not None
    line = b""
    while True:
        ready, _, _ = select.select([process.stderr], [], [], POLL_SECONDS)
        if not ready and process.poll() is not None:
            break
        if ready and not (piece := os.read(process.stderr.fileno(), 65_536)):
            break
        for byte_line in (line + piece).splitlines(keepends=True) if ready else []:
            line = byte_line if not byte_line.endswith((b"\n", b"\r")) else b""
            if not line:
                text = byte_line.decode(errors="replace")
                _show(text)
                yield text.strip()
    yield line.decode(errors="replace").strip()


def _show(line: str) -> None:
    """Show a progress bar (it has a clock); errors are raised, and DVC keeps to itself."""
    if re.search(r"\[\d\d:\d\d", line):
        sys.stderr.write(line)
        sys.stderr.flush()


def _failure(command: str, code: int, lines: list[str]) -> LetheError:
    for line in lines:
        name, colon, message = line.partition(": ")
        if colon and name in FORESEEN:
            return FORESEEN[name](message)
    for words, error in DVC_SAYS.items():
        if any(words in line for line in lines):
            return error
    for line in lines:
        log.debug("dvc: %s", line)
    last = next((line for line in reversed(lines) if line.startswith("ERROR: ")), "no reason given")
    return ProcessError(
        f"dvc {command} ended with exit code {code}: {last.removeprefix('ERROR: ')}"
    )
