"""Working copies that hold what is to be erased, removed.

Whatever was made from such a copy goes too: a model that was trained on it, say. All of it can be
made again from what stays.
"""

import shutil
from collections.abc import Callable, Collection, Iterator

from tasks.core.record import RECORD, Record
from tasks.core.settings import Settings

KEPT = ("certificate",)
"""Kinds of records that hold digests and counts alone."""
MANAGED = (
    "certificate/",
    "data/",
    "dvc-cache/",
    "dvc-remote/",
    "erasure/",
    "keys/",
    "ledger.",
    "mlflow",
    "prefect/prefect.db",
    "stack/",
    "tombstones.json",
)
"""What is purged through whatever owns it: files of a running server are never touched."""

Holds = Callable[[str, bytes], bool]


def working_copies(holds: Holds, versions: Collection[str]) -> int:
    """Remove the outputs that hold it, what was made from them, and fetched ``versions``."""
    records = list(_records())
    gone = {_name(one) for one in records if _held(one, holds) or _fetched(one, versions)}
    while more := {_name(one) for one in records if gone.intersection(one.inputs)} - gone:
        gone |= more
    for one in records:
        if _name(one) in gone:
            for scratch in one.path.parent.glob(f".{one.fingerprint}.*"):
                shutil.rmtree(scratch) if scratch.is_dir() else scratch.unlink()
            shutil.rmtree(one.path)
    # Of a training that was killed nobody can say what it has read; it begins anew.
    shutil.rmtree(Settings().root / "checkpoints", ignore_errors=True)
    return len(gone) + _loose(holds)


def fetched(versions: Collection[str]) -> None:
    """Remove the copies on this machine that were fetched of model ``versions``."""
    for one in _records():
        if _fetched(one, versions):
            shutil.rmtree(one.path)


def _records() -> Iterator[Record]:
    for path in sorted(Settings().root.glob(f"*/*/{RECORD}")):
        if path.parts[-3] not in KEPT:
            record = Record.model_validate_json(path.read_bytes())
            yield record.model_copy(update={"path": path.parent})


def _name(record: Record) -> str:
    return f"{record.kind}/{record.fingerprint}"


def _held(record: Record, holds: Holds) -> bool:
    paths = (path for path in record.path.rglob("*") if path.is_file())
    return any(holds(path.name, path.read_bytes()) for path in paths)


def _fetched(record: Record, versions: Collection[str]) -> bool:
    return record.kind == "fetched-model" and record.config["version"] in versions


def _loose(holds: Holds) -> int:
    """Files that are no part of a record: scratch, downloads, caches, results."""
    root, removed = Settings().root, 0
    for path in [one for one in root.rglob("*") if one.is_file()]:
        inside = path.relative_to(root).as_posix()
        if not inside.startswith(MANAGED) and holds(path.name, path.read_bytes()):
            path.unlink()
            removed += 1
    return removed
