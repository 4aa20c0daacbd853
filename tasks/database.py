"""Transactions on the database of the ledger: SQLite on one machine, PostgreSQL in the stack.

With ``tables``, which says what they hold, and ``ledger`` the only file that imports sqlalchemy.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    NullPool,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from tasks.core.errors import BusyError, ConfigError, LetheError, RegistryError, StorageError
from tasks.core.record import storage
from tasks.core.settings import Settings

REACH_SECONDS = 5
LOCK = 0x1E7E
"""Of every writer on PostgreSQL, as BEGIN IMMEDIATE is on SQLite: one at a time, by turns."""
WRITES = "lethe_writes"
FULL = {"SQLITE_FULL", "53100"}
TAKEN = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT", "55P03"}
FORBIDDEN = {"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY_DIRECTORY"}

ADVICE = "set LETHE_LEDGER to sqlite:////FILE or postgresql+psycopg2://USER:PASSWORD@HOST/NAME"

REWRITE = "lethe_compact"
"""The function that writes a database of PostgreSQL anew, where its operator made one."""
REACHED = """
SELECT datname FROM pg_database
WHERE datallowconn AND has_database_privilege(datname, 'CONNECT') ORDER BY datname
"""

Fill = Callable[[Connection], None]
log = logging.getLogger(__name__)


@contextmanager
def writing(tables: MetaData, fill: Fill) -> Iterator[Connection]:
    """One transaction that no other writer sees half of; committed unless something is raised.

    ``tables`` are made where they are missing, and then filled.

    Raises:
        BusyError: other writers held the database for ``LETHE_WAIT_SECONDS``.
        RegistryError: it does not answer, or refuses what it is asked.
        StorageError: its disk is full, or may not be written.
    """
    with _engine() as engine, engine.connect() as opened:
        connection = opened.execution_options(**{WRITES: True})
        with connection.begin():
            if _shared(engine):
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            if not _made(connection, tables):
                tables.create_all(connection)
                fill(connection)
            yield connection


@contextmanager
def reading(tables: MetaData, fill: Fill) -> Iterator[Connection]:
    """One transaction that sees the database as it is when it begins.

    Raises:
        BusyError, RegistryError, StorageError: as ``writing``.
    """
    with _engine() as engine:
        with engine.connect() as probe:
            made = _made(probe, tables)
        if not made:
            with writing(tables, fill):
                pass
        with engine.connect() as opened:
            whole = {"isolation_level": "REPEATABLE READ"} if _shared(engine) else {}
            connection = opened.execution_options(**whole)
            with connection.begin():
                yield connection


def compact() -> None:
    """Write every database of the server anew, so that nothing deleted is left on its disk.

    On a server that was not prepared for it (``infra.stack.compaction``) that is its operator's to
    do, and is said in the log.

    Raises:
        BusyError, RegistryError, StorageError: as ``writing``.
    """
    with _engine() as engine, _autocommit(engine) as opened:
        if not _shared(engine):
            opened.exec_driver_sql("VACUUM")
            return
        prepared = [name for name in opened.scalars(text(REACHED)) if _rewritten(engine, name)]
        if not prepared:
            log.warning("the database keeps what was deleted until its server writes it anew")
            return
        opened.exec_driver_sql("CHECKPOINT")  # until then the log goes back to before


def _rewritten(engine: Engine, database: str) -> bool:
    """Whether that database could be written anew, and was."""
    with _autocommit(_connected(engine.url.set(database=database), Settings().wait_seconds)) as one:
        if one.scalar(text(f"SELECT to_regprocedure('public.{REWRITE}()')")) is None:
            return False
        for _ in range(2):  # what the first call deletes itself, it cannot leave out yet
            one.exec_driver_sql(f"SELECT public.{REWRITE}()")
    return True


def _autocommit(engine: Engine) -> Connection:
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _shared(engine: Engine) -> bool:
    """Whether it is a server's database, not a file's."""
    return engine.dialect.name == "postgresql"


def _made(connection: Connection, tables: MetaData) -> bool:
    # All are made in one transaction: the last is there when each of them is.
    return inspect(connection).has_table(tables.sorted_tables[-1].name)


@contextmanager
def _engine() -> Iterator[Engine]:
    """An engine that opens a connection for each errand, so that none outlives it or a fork."""
    settings = Settings()
    url = _url(settings.ledger_uri)
    with _explained(url), storage(Path(url.database or "")):
        if url.get_backend_name() == "sqlite":
            _create(Path(url.database or ""))
        yield _connected(url, settings.wait_seconds)


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise ConfigError(f"LETHE_LEDGER is not an address of a database: {ADVICE}") from None
    if url.get_backend_name() not in ("sqlite", "postgresql") or not url.database:
        raise ConfigError(f"LETHE_LEDGER={url.render_as_string()}: {ADVICE}")
    return url


def _create(path: Path) -> None:
    """Make the file, for the owner's eyes alone: it holds what people ask to be forgotten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise StorageError(
            f"{path} cannot be made ({error.strerror}): set LETHE_LEDGER or LETHE_ARTIFACTS"
        ) from None


@lru_cache(maxsize=8)
def _connected(url: URL, wait_seconds: float) -> Engine:
    if url.get_backend_name() == "postgresql":
        # PostgreSQL reads 0 as no limit.
        options = f"-c lock_timeout={max(1, round(wait_seconds * 1000))}"
        arguments: dict[str, Any] = {"connect_timeout": REACH_SECONDS, "options": options}
        return _silent(url, arguments)
    engine = _silent(url, {"timeout": wait_seconds})
    event.listen(engine, "connect", _opened)
    event.listen(engine, "begin", _begun)
    return engine


def _silent(url: URL, arguments: dict[str, Any]) -> Engine:
    """An engine whose errors and logs hold no value of a row."""
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)


def _opened(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")


def _begun(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES) else "BEGIN")


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    """Nothing of a row and no password is in what is raised, nor is the error it comes from."""
    try:
        yield
    except DBAPIError as error:
        raise _told(url.render_as_string(), error) from None
    except ArgumentError:
        raise ConfigError(f"LETHE_LEDGER={url.render_as_string()}: {ADVICE}") from None
    except SQLAlchemyError as error:
        raise RegistryError(
            f"{url.render_as_string()} cannot be used ({type(error).__name__}): "
            "see that LETHE_LEDGER names a database of this version"
        ) from None


def _told(shown: str, error: DBAPIError) -> LetheError:
    original: Any = error.orig
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "pgcode", None) or ""
    if code in TAKEN:
        return BusyError(f"{shown} is held by another: wait for it, or raise LETHE_WAIT_SECONDS")
    if code in FULL:
        return StorageError(f"no space left for {shown}: free some, or set LETHE_LEDGER")
    if code in FORBIDDEN:
        return StorageError(f"{shown} may not be written: change its mode, or set LETHE_LEDGER")
    said = " ".join(str(original).split("\n")[0].split())[:200]  # what follows may quote a row
    return RegistryError(f"{shown} does not answer ({said}): start it, or set LETHE_LEDGER")
