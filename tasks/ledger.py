"""The ledger: deletion requests, the champion of each model, and the chained log of what was done.

What requests select is personal data and lies in this database alone, until it is forgotten. A
change and its entry in the log are one transaction, and writers come one after another.
"""

import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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

from tasks import database
from tasks.core.errors import BusyError, ConfigError, RegistryError
from tasks.core.record import storage
from tasks.core.settings import Settings
from tasks.core.variants import nearest
from tasks.requests import chain
from tasks.requests.chain import Entry, Head, Said, Value
from tasks.requests.deletion import (
    FORGOTTEN,
    ID,
    MOVES,
    Deletion,
    Draft,
    Move,
    Status,
    identified,
    refuse,
    valid,
)
from tasks.requests.request import Request

OWN = "lethe"
"""Who did what no person did."""

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


def add(draft: Draft) -> Deletion:
    """Enter a request; one that is there already is given back as it stands.

    Raises:
        ConfigError: it names nothing, is from the future, or its due date is past.
    """
    with _writing() as connection:
        salt = connection.execute(select(META.c.salt)).scalar_one()
        known = identified(draft, bytes.fromhex(salt))
        if found := _read(connection, known):
            return found[0]
        now = _now()
        refuse(draft, now)
        row = draft.model_dump(mode="json", exclude={"request", "models"})
        texts = {
            "request": draft.request.model_dump_json(),
            "models": json.dumps(draft.models),
        }
        connection.execute(
            insert(DELETIONS).values(id=known, status="received", run="", **row, **texts)
        )
        _enter_move(connection, known, 1, Move(status="received", at=now, by=OWN))
        details = {
            "ground": draft.ground,
            "due": draft.due.isoformat(),
            "models": len(draft.models),
        }
        _append(connection, "request.received", known, OWN, details)
        return _one(connection, known)


def find(id: str) -> Deletion:
    """The request of that id.

    Raises:
        ConfigError: there is none; the message names what there is.
    """
    with _reading() as connection:
        return _one(connection, id)


def listed() -> list[Deletion]:
    """Every request: overdue first, then those still open, each by due date."""
    now = _now()
    with _reading() as connection:
        found = _read(connection)
    return sorted(found, key=lambda one: (not one.overdue(now), not one.open, one.due, one.id))


def move(id: str, to: Status, by: str, note: str = "") -> Deletion:
    """Move a request on.

    Raises:
        ConfigError: it may not move there from where it is, or ``by`` may not approve.
        BusyError: somebody else has moved it there meanwhile.
    """
    if to == "approved":
        authorise(by)
    with _writing() as connection:
        return _moved(connection, _one(connection, id), to, by, note)


def claim(ids: Sequence[str], by: str, run: str) -> list[Deletion]:
    """Take approved requests for the flow run ``run``: all of them, or none.

    A run that asks again for what it holds gets it again.

    Raises:
        ConfigError: one of them was not approved.
        BusyError: one of them was taken by another run; the message names it.
    """
    with _writing() as connection:
        return [_claimed(connection, _one(connection, id), by, run) for id in ids]


def note_event(ids: Sequence[str], model: str, event: str, version: str) -> None:
    """Note which event, and which version that came of it, answered requests for a model.

    Raises:
        ConfigError: a request is not there, or does not concern the model.
    """
    with _writing() as connection:
        for id in ids:
            if model not in (concerned := _one(connection, id).models):
                raise ConfigError(f"{id} does not concern {model}{nearest(model, concerned)}")
            answer = {"model": model, "event": event, "version": version}
            connection.execute(
                delete(ANSWERS).where(ANSWERS.c.deletion == id, ANSWERS.c.model == model)
            )
            connection.execute(insert(ANSWERS).values(deletion=id, **answer))
            _append(connection, "request.answered", id, OWN, answer)


def forget(id: str, by: str) -> Deletion:
    """Overwrite for ever who asked, what was selected and why it was moved.

    A certified request becomes erased; one that was rejected stays that. What the database keeps of
    rows that were overwritten is written anew as well; asked again, that alone is done again.

    Raises:
        ConfigError: it is neither certified nor rejected.
    """
    with _writing() as connection:
        found = _one(connection, id)
        if found.status == "certified":
            found = _moved(connection, found, "erased", by, "")
        elif found.status not in ("rejected", "erased"):
            raise ConfigError(
                f"{id} is {found.status}: only what is certified or rejected can be forgotten"
            )
        if (found.asked_by, found.request) != (FORGOTTEN, Request()):
            empty = Request().model_dump_json()
            _set(connection, id, asked_by=FORGOTTEN, request=empty)
            connection.execute(update(MOVED).where(MOVED.c.deletion == id).values(note=""))
            _append(connection, "request.forgotten", id, by, {"moves": len(found.moves)})
        found = _one(connection, id)
    database.compact([DELETIONS, MOVED])
    return found


def key() -> bytes:
    """The secret under which tombstones are made; who has it can try ids until one fits a mark."""
    with _reading() as connection:
        salt = connection.execute(select(META.c.salt)).scalar_one()
    return hmac.digest(bytes.fromhex(salt), b"tombstones", "sha256")


def log(kind: str, subject: str, by: str, details: Mapping[str, Value]) -> Entry:
    """Append to the log; ``details`` hold ids, digests and counts, never a text.

    Raises:
        ConfigError: a field is not of its form.
    """
    with _writing() as connection:
        return _append(connection, kind, subject, by, details)


def entries() -> list[Entry]:
    """The whole log, in order."""
    with _reading() as connection:
        rows = connection.execute(select(CHAIN).order_by(CHAIN.c.number)).mappings()
        return [_entry(row) for row in rows]


def head() -> Head:
    """The end of the log, for whoever wants to notice later that it was cut off or rewritten."""
    with _reading() as connection:
        return chain.head(_last(connection))


def broken(noted: Sequence[Head] = ()) -> str:
    """What is wrong with the log; empty where it is whole.

    It is held against itself, against every head that this machine and the caller ``noted``, and
    against where requests and champions stand now.
    """
    with _reading() as connection:
        rows = connection.execute(select(CHAIN).order_by(CHAIN.c.number)).mappings()
        logged = [_entry(row) for row in rows]
        stands = dict(connection.execute(select(DELETIONS.c.id, DELETIONS.c.status)).tuples().all())
        stands |= dict(connection.execute(select(CHAMPIONS)).tuples().all())
    return chain.broken(logged, [*_heads(), *noted]) or chain.astray(logged, stands)


def champion(model: str) -> str:
    """The version that is champion of ``model``; empty where none is."""
    with _reading() as connection:
        return _champion(connection, model)


def advance(model: str, before: str, after: str, by: str) -> None:
    """Make ``after`` the champion of ``model`` if ``before`` still is; empty: none is.

    Raises:
        BusyError: another version has become champion meanwhile.
    """
    with _writing() as connection:
        if (now := _champion(connection, model)) != before:
            raise BusyError(
                f"champion of {model} is now {now or 'none'}, not {before or 'none'}: "
                f"{after} was made from another; run it again from {now or 'the base'}"
            )
        connection.execute(delete(CHAMPIONS).where(CHAMPIONS.c.model == model))
        connection.execute(insert(CHAMPIONS).values(model=model, version=after))
        _append(connection, "champion.moved", model, by, {"before": before, "to": after})


def authorise(by: str) -> None:
    """Let those approve who may.

    Raises:
        ConfigError: ``by`` is not one of ``LETHE_APPROVERS``.
    """
    allowed = [one.strip() for one in Settings().approvers.split(",") if one.strip()]
    if allowed and by not in allowed:
        raise ConfigError(f"by={by!a}: may not approve; LETHE_APPROVERS names who may")


@contextmanager
def _writing() -> Iterator[Connection]:
    with database.writing(TABLES, _fill) as connection:
        before = _last(connection)
        yield connection
        after = _last(connection)
    if before != after:
        _note(chain.head(after))


@contextmanager
def _reading() -> Iterator[Connection]:
    with database.reading(TABLES, _fill) as connection:
        yield connection


def _fill(connection: Connection) -> None:
    connection.execute(insert(META).values(salt=secrets.token_hex(32)))


def _now() -> datetime:
    return datetime.now(UTC)


def _one(connection: Connection, id: str) -> Deletion:
    if ID.fullmatch(id) and (found := _read(connection, id)):
        return found[0]
    known = list(connection.execute(select(DELETIONS.c.id).limit(1000)).scalars())
    there = nearest(id, known) if known else "; there are none yet"
    raise ConfigError(f"{id[:40]!a}: no such request{there[:200]}; see lethe request list")


def _read(connection: Connection, id: str = "") -> list[Deletion]:
    """The requests, or the one of ``id``."""

    def rows(table: Table, key: str) -> Any:
        query = select(table).where(table.c[key] == id) if id else select(table)
        return connection.execute(query.order_by(*table.primary_key)).mappings()

    moves, answers = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    for kept, table in ((moves, MOVED), (answers, ANSWERS)):
        for row in rows(table, "deletion"):
            kept[row["deletion"]].append(
                {name: row[name] for name in row if name not in ("deletion", "number")}
            )
    return [
        Deletion.model_validate(
            {
                **row,
                "request": json.loads(row["request"]),
                "models": json.loads(row["models"]),
                "moves": moves[row["id"]],
                "events": answers[row["id"]],
            }
        )
        for row in rows(DELETIONS, "id")
    ]


def _moved(
    connection: Connection, found: Deletion, to: Status, by: str, note: str, run: str = ""
) -> Deletion:
    last = found.moves[-1]
    if found.status == to and to not in MOVES[to]:
        raise BusyError(
            f"{found.id} was {to} already, by {last.by} on {last.at:%Y-%m-%d at %H:%M} UTC"
        )
    if not found.allows(to):
        allowed = " or ".join(MOVES[found.status]) or "nothing else"
        raise ConfigError(f"{found.id} is {found.status}: it can become {allowed}, not {to}")
    new = valid(Move, {"status": to, "at": _now(), "by": by, "note": note})
    _set(connection, found.id, status=to, run=run)
    _enter_move(connection, found.id, len(found.moves) + 1, new)
    details = {"before": found.status, "to": to, **({"run": run} if run else {})}
    _append(connection, "request.moved", found.id, by, details)
    return _one(connection, found.id)


def _claimed(connection: Connection, found: Deletion, by: str, run: str) -> Deletion:
    if found.status == "running" and found.run == run:
        return found
    if found.status not in ("received", "planned", "approved", "rejected"):
        raise BusyError(
            f"{found.id} was taken by run {found.run or found.moves[-1].by}, and is "
            f"{found.status}: leave it to that run"
        )
    return _moved(connection, found, "running", by, "", run)


def _set(connection: Connection, id: str, **values: str) -> None:
    connection.execute(update(DELETIONS).where(DELETIONS.c.id == id).values(**values))


def _enter_move(connection: Connection, id: str, number: int, new: Move) -> None:
    row = new.model_dump(mode="json")
    connection.execute(insert(MOVED).values(deletion=id, number=number, **row))


def _champion(connection: Connection, model: str) -> str:
    query = select(CHAMPIONS.c.version).where(CHAMPIONS.c.model == model)
    return str(connection.execute(query).scalar() or "")


def _append(
    connection: Connection, kind: str, subject: str, by: str, details: Mapping[str, Any]
) -> Entry:
    said = {"at": _now(), "kind": kind, "subject": subject, "by": by, "details": dict(details)}
    entry = chain.linked(_last(connection), valid(Said, said))
    row = entry.model_dump(mode="json", exclude={"details"})
    connection.execute(insert(CHAIN).values(details=json.dumps(entry.details), **row))
    return entry


def _last(connection: Connection) -> list[Entry]:
    rows = connection.execute(select(CHAIN).order_by(CHAIN.c.number.desc()).limit(1)).mappings()
    return [_entry(row) for row in rows]


def _entry(row: RowMapping) -> Entry:
    try:
        return Entry.model_validate({**row, "details": json.loads(row["details"])})
    except ValueError:
        raise RegistryError(
            f"entry {row['number']} of the log was changed: it is not of its form; "
            "compare with a backup"
        ) from None


def _note(head: Head) -> None:
    """Append a head to the file beside the ledger; lines this short are written whole."""
    path = Settings().root / "ledger.heads"
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{head}\n")


def _heads() -> list[Head]:
    path = Settings().root / "ledger.heads"
    lines = path.read_text().splitlines() if path.exists() else []
    return [chain.noted(line) for line in lines]
