"""The tables of the ledger, and their rows as what they mean.

With ``ledger`` and ``database`` the only file that imports sqlalchemy.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from tasks.core.errors import RegistryError
from tasks.requests import chain
from tasks.requests.chain import Entry, Said
from tasks.requests.deletion import FORGOTTEN, Deletion, Draft, Move, valid
from tasks.requests.request import Request

TABLES = MetaData()
META = Table("lethe_meta", TABLES, Column("salt", String(64), nullable=False))
DELETIONS = Table(
    "lethe_deletions",
    TABLES,
    Column("id", String(14), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("ground", String(40), nullable=False),
    Column("received", String(40), nullable=False),
    Column("due", String(40), nullable=False),
    Column("request", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("run", String(200), nullable=False),
)
MOVED = Table(
    "lethe_moves",
    TABLES,
    Column("deletion", String(14), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", String(20), nullable=False),
    Column("at", String(40), nullable=False),
    Column("by", String(64), nullable=False),
    Column("note", Text, nullable=False),
)
ANSWERS = Table(
    "lethe_answers",
    TABLES,
    Column("deletion", String(14), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("event", String(200), nullable=False),
    Column("version", String(200), nullable=False),
)
CHAMPIONS = Table(
    "lethe_champions",
    TABLES,
    Column("model", String(64), primary_key=True),
    Column("version", String(200), nullable=False),
)
CHAIN = Table(
    "lethe_chain",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("by", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)


def fill(connection: Connection) -> None:
    """What new tables begin with: the salt of every id."""
    connection.execute(insert(META).values(salt=secrets.token_hex(32)))


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def salt(connection: Connection) -> bytes:
    """The secret of this ledger's ids."""
    return bytes.fromhex(connection.execute(select(META.c.salt)).scalar_one())


def enter(connection: Connection, id: str, draft: Draft) -> None:
    """Write a request down as received."""
    row = draft.model_dump(mode="json", exclude={"request", "models"})
    texts = {"request": draft.request.model_dump_json(), "models": json.dumps(draft.models)}
    connection.execute(insert(DELETIONS).values(id=id, status="received", run="", **row, **texts))


def deletions(connection: Connection, id: str = "") -> list[Deletion]:
    """The requests, or the one of ``id``.

    Raises:
        RegistryError: one is not as it was written down.
    """
    moves = _below(connection, MOVED, id)
    answers = _below(connection, ANSWERS, id)
    query = select(DELETIONS).where(DELETIONS.c.id == id) if id else select(DELETIONS)
    rows = connection.execute(query.order_by(DELETIONS.c.id)).mappings()
    return [_deletion(row, moves[row["id"]], answers[row["id"]]) for row in rows]


def change(connection: Connection, id: str, **values: str) -> None:
    """Overwrite fields of a request."""
    connection.execute(update(DELETIONS).where(DELETIONS.c.id == id).values(**values))


def blank(connection: Connection, id: str) -> None:
    """Overwrite who asked for what, and the notes of its moves."""
    change(connection, id, asked_by=FORGOTTEN, request=Request().model_dump_json())
    connection.execute(update(MOVED).where(MOVED.c.deletion == id).values(note=""))


def enter_move(connection: Connection, id: str, number: int, move: Move) -> None:
    """Write down the move of that number."""
    row = move.model_dump(mode="json")
    connection.execute(insert(MOVED).values(deletion=id, number=number, **row))


def answered(connection: Connection, id: str, answer: Mapping[str, str]) -> None:
    """Write down what answered a request for a model, over what did before."""
    unanswered(connection, id, answer["model"])
    connection.execute(insert(ANSWERS).values(deletion=id, **answer))


def unanswered(connection: Connection, id: str, model: str) -> None:
    """Strike out what answered a request for a model."""
    same = (ANSWERS.c.deletion == id, ANSWERS.c.model == model)
    connection.execute(delete(ANSWERS).where(*same))


def champion(connection: Connection, model: str) -> str:
    """The version that is champion; empty where none is."""
    query = select(CHAMPIONS.c.version).where(CHAMPIONS.c.model == model)
    return str(connection.execute(query).scalar() or "")


def crown(connection: Connection, model: str, version: str) -> None:
    """Write down the champion of a model, over the one before."""
    connection.execute(delete(CHAMPIONS).where(CHAMPIONS.c.model == model))
    connection.execute(insert(CHAMPIONS).values(model=model, version=version))


def append(
    connection: Connection, kind: str, subject: str, by: str, details: Mapping[str, Any]
) -> Entry:
    """The next entry of the log.

    Raises:
        ConfigError: a field is not of its form.
    """
    said = {"at": now(), "kind": kind, "subject": subject, "by": by, "details": dict(details)}
    entry = chain.linked(last(connection), valid(Said, said))
    row = entry.model_dump(mode="json", exclude={"details"})
    connection.execute(insert(CHAIN).values(details=json.dumps(entry.details), **row))
    return entry


def logged(connection: Connection) -> list[Entry]:
    """The whole log, in order.

    Raises:
        RegistryError: an entry is not as it was written down.
    """
    return list(map(_entry, connection.execute(select(CHAIN).order_by(CHAIN.c.number)).mappings()))


def last(connection: Connection) -> list[Entry]:
    """The last entry of the log, if it has one."""
    query = select(CHAIN).order_by(CHAIN.c.number.desc()).limit(1)
    return list(map(_entry, connection.execute(query).mappings()))


def stands(connection: Connection) -> dict[str, str]:
    """The status of every request and the champion of every model."""
    statuses = select(DELETIONS.c.id, DELETIONS.c.status)
    return dict(
        [*connection.execute(statuses).tuples(), *connection.execute(select(CHAMPIONS)).tuples()]
    )


def _below(connection: Connection, table: Table, id: str) -> Mapping[str, list[dict[str, Any]]]:
    """The rows of a table that belong to each request, or to ``id``."""
    query = select(table).where(table.c.deletion == id) if id else select(table)
    found = defaultdict[str, list[dict[str, Any]]](list)
    for row in connection.execute(query.order_by(*table.primary_key)).mappings():
        kept = {name: row[name] for name in row if name not in ("deletion", "number")}
        found[row["deletion"]].append(kept)
    return found


def _deletion(row: RowMapping, moves: list[Any], answers: list[Any]) -> Deletion:
    try:
        texts = {name: json.loads(row[name]) for name in ("request", "models")}
        return Deletion.model_validate({**row, **texts, "moves": moves, "events": answers})
    except ValueError:
        raise RegistryError(
            f"{row['id']!a}: the ledger holds it in no form that was written; "
            "restore it from a backup"
        ) from None


def _entry(row: RowMapping) -> Entry:
    try:
        return Entry.model_validate({**row, "details": json.loads(row["details"])})
    except ValueError:
        raise RegistryError(
            f"entry {row['number']} of the log was changed: it is not of its form; "
            "restore it from a backup"
        ) from None
