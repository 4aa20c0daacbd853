"""Where anything of what is to be erased lies still; an erasure is none while a place holds it.

A source is a function that gives (place, bytes), so that a database or a bucket is one as well.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from sqlite3 import connect

from tasks import objects, redact
from tasks.core.errors import DataError
from tasks.core.settings import Settings
from tasks.requests.needles import Needles
from tasks.requests.redaction import held
from tasks.versions import revisions, workspaces

Source = Callable[[], Iterable[tuple[str, bytes]]]
SHOWN = 5
STORED = ("dvc-cache/files", "dvc-remote")
"""What `tasks.objects` reads, be it here or in a bucket."""


def files(chosen: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Every file below the artifacts whose path from there is ``chosen``."""
    root = Settings().root
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and chosen(place):
            with suppress(FileNotFoundError):  # it went meanwhile
                yield place, path.read_bytes()


def sources(*skipped: str) -> list[Source]:
    """Everything that Lethe itself writes to, but for files whose path begins like ``skipped``."""
    return [
        lambda: files(lambda place: not place.startswith((*STORED, *skipped))),
        lambda: (one for path in workspaces() for one in revisions(path)),
        objects.contents,
        redact.files,
    ]


def found(sought: Iterable[Source], needles: Needles) -> list[str]:
    """The places that hold any of it, by their content or by their name."""
    return [
        "(a name)" if place in needles else place
        for source in sought
        for place, content in source()
        if place in needles or held(place, content, needles)
    ]


def prove(sought: Iterable[Source], needles: Needles) -> None:
    """Say where it lies still.

    Raises:
        DataError: a place holds it.
    """
    if places := found(sought, needles):
        more = f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else ""
        raise DataError(
            f"not erased yet: {', '.join(places[:SHOWN])}{more} hold what must go; end what writes "
            "there, remove it, and run `lethe erase` again"
        )


def compact(names: Collection[str]) -> None:
    """Write the SQLite databases ``names`` below the artifacts anew, without what was deleted."""
    settings = Settings()
    for path in map(Path, (settings.root / name for name in names)):
        if path.exists():
            with closing(connect(path, timeout=settings.wait_seconds)) as database:
                for command in (CHECKPOINT, "VACUUM", CHECKPOINT):
                    database.execute(command)


CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
