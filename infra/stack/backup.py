"""All that the stack and Lethe know, in one file, and back from it.

The servers are stopped meanwhile, so that databases, buckets, workspaces and keys are of one
moment. The file is as secret as what it holds, passwords, the signing key and requests: only its
owner reads it.
"""

import hashlib
import io
import json
import logging
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.stack import postgres
from infra.stack.lifecycle import standing
from infra.stack.settings import StackSettings
from tasks.core.errors import BusyError, ConfigError, DataError
from tasks.core.record import storage
from tasks.core.settings import Settings

MANIFEST = "manifest.json"
ARTIFACTS, STACK = "artifacts", "stack"
LEFT = ("logs", "checkpoints")
"""Folders that say nothing which the rest does not."""
log = logging.getLogger(__name__)


def backup(settings: StackSettings, file: Path) -> int:
    """Write everything to ``file``; how many files that is.

    Raises:
        BusyError: a server is up: what it writes meanwhile would be of another moment.
        ConfigError: the file is there already, or there is nothing to keep.
        StorageError: the disk is full, or may not be written.
    """
    _refuse_running(settings)
    held = {name: folder for name, folder in _folders(settings).items() if folder.is_dir()}
    if not held:
        raise ConfigError(f"{Settings().root}: there is nothing to back up; set LETHE_ARTIFACTS")
    if file.exists():
        raise ConfigError(f"{file} is there already: name another file")
    scratch = file.with_name(f".{file.name}.scratch")
    scratch.unlink(missing_ok=True)
    with storage(file):
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            digests = _written(held, out)
            out.flush()
            os.fsync(descriptor)
        scratch.rename(file)
    return len(digests)


def restore(settings: StackSettings, file: Path) -> int:
    """Bring back what ``file`` holds, into folders that are empty; how many files that is.

    Raises:
        BusyError: a server is up.
        ConfigError: a folder holds something, or the cluster is of another PostgreSQL.
        DataError: the file is no backup, or not what was written.
    """
    _refuse_running(settings)
    folders = _folders(settings)
    for folder in folders.values():
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty: a backup is restored where nothing is")
    scratch = Settings().root.with_name(f".{Settings().root.name}.restored")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o700)
    try:
        with storage(scratch):
            digests = _read(file, scratch)
            for name, folder in folders.items():
                if (scratch / name).is_dir():
                    shutil.rmtree(folder, ignore_errors=True)
                    (scratch / name).rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    postgres.adopt(settings)
    return len(digests)


def _refuse_running(settings: StackSettings) -> None:
    if settings.folder.exists() and (up := [one.name for one in standing(settings) if one.pid]):
        raise BusyError(f"{', '.join(up)} is up: stop the stack first (make stack-stop)")


def _folders(settings: StackSettings) -> dict[str, Path]:
    """What is kept, by its name in the file; the stack's folder is mostly within the other."""
    root = Settings().root
    apart = {} if settings.folder.is_relative_to(root) else {STACK: settings.folder}
    return {ARTIFACTS: root, **apart}


def _written(held: Mapping[str, Path], out: io.BufferedWriter) -> dict[str, str]:
    """SHA-256 of every file, by its name in the archive; the manifest of them comes last."""
    digests: dict[str, str] = {}
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, folder in held.items():
            for path in (folder, *_kept(folder)):
                entry = f"{name}/{path.relative_to(folder)}" if path != folder else name
                archive.add(path, entry, recursive=False)
                if path.is_file() and not path.is_symlink():
                    digests[entry] = _digest(path)
        manifest = json.dumps(digests, indent=1, sort_keys=True).encode()
        told = tarfile.TarInfo(MANIFEST)
        told.size = len(manifest)
        archive.addfile(told, io.BytesIO(manifest))
    return digests


def _kept(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        plain = path.is_symlink() or path.is_file() or path.is_dir()  # no sockets
        if plain and not set(inside) & set(LEFT) and not path.name.endswith(".lock"):
            yield path


def _read(file: Path, into: Path) -> dict[str, str]:
    try:
        with tarfile.open(file) as archive:
            archive.extractall(into, filter="tar", numeric_owner=True)
        digests: dict[str, str] = json.loads((into / MANIFEST).read_text())
    except (OSError, tarfile.TarError, json.JSONDecodeError) as error:
        raise DataError(
            f"{file}: no whole backup ({type(error).__name__}); take another"
        ) from error
    for entry, digest in digests.items():
        if not (into / entry).is_file() or _digest(into / entry) != digest:
            raise DataError(f"{file}: {entry} is not what was written; take another backup")
    return digests


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
