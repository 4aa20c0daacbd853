"""What a step leaves behind: a directory named by what made it, and a record saying so.

A directory appears under its final name only when it is whole: it is made in scratch, synced to
disk and renamed. What a finished directory holds is checked against its digests when it is reused.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.core.errors import StorageError
from tasks.core.lock import held
from tasks.core.settings import PROJECT, Settings
from tasks.core.variants import Section

RECORD = "record.json"
log = logging.getLogger(__name__)


class Record(BaseModel):
    """A handle to a finished output. Steps hand each other these, never tensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    kind: str
    fingerprint: str
    path: Path
    inputs: tuple[str, ...] = ()
    """``kind/fingerprint`` of every record this one was made from."""
    config: dict[str, Any] = {}
    files: dict[str, str] = {}
    """SHA-256 of every file, by its path inside the directory."""


class Identity(BaseModel):
    """What a thing is: its kind, the config and inputs that made it, and the code that did."""

    model_config = ConfigDict(frozen=True)
    kind: str
    config: Section
    inputs: tuple[Record, ...] = ()
    rooms: tuple[str, ...]
    """Folders and files under ``tasks/`` whose code can change the result."""

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change if and only if kind, config, inputs or code change."""
        identity = [
            self.kind,
            self.config.model_dump(mode="json"),
            [record.fingerprint for record in self.inputs],
            code_digest(self.rooms),
        ]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


@cache
def code_digest(rooms: tuple[str, ...]) -> str:
    """SHA-256 over the Python files of ``rooms``, names included."""
    digest = hashlib.sha256()
    for room in rooms:
        at = PROJECT / "tasks" / room
        for file in sorted(at.rglob("*.py")) if at.is_dir() else [at.with_suffix(".py")]:
            digest.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def keep(identity: Identity, make: Callable[[Path], None]) -> Record:
    """The record of ``identity``: an earlier run's if whole, else what ``make(scratch)`` leaves.

    Raises:
        BusyError: another run is making the same thing and did not finish in time.
        StorageError: the disk is full or may not be written.
    """
    settings = Settings()
    final = settings.root / identity.kind / identity.fingerprint
    with storage(final), held(final.with_name(f".{final.name}.lock"), settings.wait_seconds):
        if (done := _finished(final)) is not None:
            log.info("reused %s %s", identity.kind, identity.fingerprint)
            return done
        scratch = final.with_name(f".{final.name}.scratch")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            make(scratch)
            record = _record(identity, final, scratch)
            (scratch / RECORD).write_text(record.model_dump_json(indent=2))
            _sync(scratch)
            scratch.rename(final)
            return record
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def recorded(kind: str, fingerprint: str) -> Record:
    """The record of an output known to be finished, by name; read from this machine's artifacts."""
    path = Settings().root / kind / fingerprint / RECORD
    return Record.model_validate_json(path.read_text()).model_copy(update={"path": path.parent})


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below ``folder``, by relative path, the record itself left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


@contextmanager
def storage(final: Path) -> Iterator[None]:
    """Say plainly what keeps ``final`` from being written.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageError(
                f"no space left for {final}: free some, or set LETHE_ARTIFACTS"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"{error.filename or final} may not be written: change its mode, "
                "or set LETHE_ARTIFACTS"
            ) from error
        raise


def _record(identity: Identity, final: Path, scratch: Path) -> Record:
    return Record(
        kind=identity.kind,
        fingerprint=identity.fingerprint,
        path=final,
        inputs=tuple(f"{record.kind}/{record.fingerprint}" for record in identity.inputs),
        config=identity.config.model_dump(mode="json"),
        files=digests(scratch),
    )


def _finished(final: Path) -> Record | None:
    if not final.exists():
        return None
    try:
        record = Record.model_validate_json((final / RECORD).read_bytes())
        if digests(final) == record.files:
            return record.model_copy(update={"path": final})
    except (FileNotFoundError, ValidationError):
        pass  # altered too, and made again like any other
    log.warning("%s was altered after it was made; making it again", final)
    shutil.rmtree(final)
    return None


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
