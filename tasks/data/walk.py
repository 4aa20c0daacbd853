"""Files of a folder: always in one order, links never followed, each refusal with its reason."""

import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.data.source import Document

BINARY_PROBE_BYTES = 8192


class Skipped(NamedTuple):
    """Something at the place that became no document."""

    path: str
    reason: str


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and link below ``folder``, sorted by path; hidden folders are not entered."""
    for inside, folders, names in os.walk(folder, followlinks=False):
        linked = [name for name in folders if Path(inside, name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if name not in linked and not name.startswith(".")
        )
        yield from (Path(inside, name) for name in sorted([*names, *linked]))


def bytes_of(path: Path, max_bytes: int) -> bytes | Skipped:
    """What is in ``path``, if it is a file, no link, and not too large.

    Raises:
        DataError: the file may not be read.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Skipped(str(path), "symbolic link")
    if not stat.S_ISREG(status.st_mode):
        return Skipped(str(path), "not a regular file")
    if status.st_size > max_bytes:
        return Skipped(str(path), "oversized")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check its rights") from error
    binary = b"\0" in content[:BINARY_PROBE_BYTES] or b"\0" in content
    return Skipped(str(path), "binary") if binary else content


def text_of(path: Path, max_bytes: int) -> str | Skipped:
    """The UTF-8 text in ``path``, with LF line ends."""
    content = bytes_of(path, max_bytes)
    if isinstance(content, Skipped):
        return content
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return Skipped(str(path), "not UTF-8")


def document(path: Path, **fields: str | tuple[str, ...] | None) -> Document | Skipped:
    """The document, unless the name of its file cannot be part of an id."""
    try:
        return Document.model_validate(fields)
    except ValidationError:
        return Skipped(str(path), "odd file name")


def digests(folder: Path) -> dict[str, str]:
    """A digest of the bytes of every file below ``folder``, of the target of every link."""
    found: dict[str, str] = {}
    for path in files_below(folder):
        name = os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")
        found[name] = _digest(path)
    return found


def _digest(path: Path) -> str:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return sha256(b"link " + os.fsencode(path.readlink())).hexdigest()
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    digest = sha256()
    with path.open("rb") as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()
