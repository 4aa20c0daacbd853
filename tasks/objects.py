"""The objects of DVC, of every revision and of none: in the cache and on every remote.

With ``versions``, the only file that knows DVC. DVC has no command that removes one object, so its
object databases are asked (``dvc_data.hashfile.db``).
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core.settings import Settings
from tasks.versions import workspaces

Holds = Callable[[str, bytes], bool]


def contents() -> Iterator[tuple[str, bytes]]:
    """Every object, by where it is."""
    with _stores() as stores:
        for name, store in stores.items():
            for oid in store.all():
                yield f"{name}/{oid}", _read(store, oid)


def remove(holds: Holds) -> int:
    """Remove the objects of which that is so, and the runs that were kept; how many were objects.

    A remote that others push to loses them as well: what they hold may be nowhere.
    """
    removed = 0
    with _stores() as stores:
        for name, store in stores.items():
            for oid in [one for one in store.all() if holds(f"{name}/{one}", _read(store, one))]:
                store.delete(oid)
                removed += 1
    runs = Settings().root / "dvc-cache" / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    return removed


@contextmanager
def _stores() -> Iterator[dict[str, Any]]:
    """The cache and the remotes, as the first workspace names them: all name the same."""
    from dvc.repo import Repo  # a second, which only an erasure should pay

    found = workspaces()
    if not found:
        yield {}
        return
    with Repo(str(found[0])) as repo:
        remotes = {name: repo.cloud.get_remote_odb(name=name) for name in repo.config["remote"]}
        yield {"dvc-cache": repo.cache.local, **remotes}


def _read(store: Any, oid: str) -> bytes:
    with store.fs.open(store.oid_to_path(oid), "rb") as file:
        content: bytes = file.read()
        return content


def place(path: Path) -> str:
    """A workspace, as it is called in what is told."""
    return f"data/{path.name}"
