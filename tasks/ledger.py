"""The ledger: deletion requests, the champion of each model, and the chained log of what was done.

What requests select is personal data and lies in this database alone, until it is forgotten. A
change and its entry in the log are one transaction, and writers come one after another.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from tasks import database, tables
from tasks.core.errors import BusyError, ConfigError, RegistryError
from tasks.core.record import storage
from tasks.core.settings import Settings
from tasks.core.variants import nearest
from tasks.requests import chain
from tasks.requests.chain import Entry, Head, Value
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


def add(draft: Draft) -> Deletion:
    """Enter a request; one that is there already is given back as it stands.

    Raises:
        ConfigError: it names nothing, is from the future, or its due date is past.
    """
    with _writing() as connection:
        known = identified(draft, tables.salt(connection))
        if found := tables.deletions(connection, known):
            return found[0]
        now = tables.now()
        refuse(draft, now)
        tables.enter(connection, known, draft)
        tables.enter_move(connection, known, 1, Move(status="received", at=now, by=OWN))
        details = {
            "ground": draft.ground,
            "due": draft.due.isoformat(),
            "models": len(draft.models),
        }
        tables.append(connection, "request.received", known, OWN, details)
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
    now = tables.now()
    with _reading() as connection:
        found = tables.deletions(connection)
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
            tables.answered(connection, id, answer)
            tables.append(connection, "request.answered", id, OWN, answer)


def retract(id: str, model: str, by: str) -> None:
    """Take back what answered a request for a model; it waits for another. Nothing if none did.

    Raises:
        ConfigError: there is no such request.
    """
    with _writing() as connection:
        answers = {one.model: one for one in _one(connection, id).events}
        if model in answers:
            tables.unanswered(connection, id, model)
            tables.append(connection, "request.retracted", id, by, answers[model].model_dump())


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
            tables.blank(connection, id)
            tables.append(connection, "request.forgotten", id, by, {"moves": len(found.moves)})
        found = _one(connection, id)
    database.compact()
    return found


def log(kind: str, subject: str, by: str, details: Mapping[str, Value]) -> Entry:
    """Append to the log; ``details`` hold ids, digests and counts, never a text.

    Raises:
        ConfigError: a field is not of its form.
    """
    with _writing() as connection:
        return tables.append(connection, kind, subject, by, details)


def entries() -> list[Entry]:
    """The whole log, in order."""
    with _reading() as connection:
        return tables.logged(connection)


def head() -> Head:
    """The end of the log, for whoever wants to notice later that it was cut off or rewritten."""
    with _reading() as connection:
        return chain.head(tables.last(connection))


def broken(noted: Sequence[Head] = ()) -> str:
    """What is wrong with the log; empty where it is whole.

    It is held against itself, against every head that this machine and the caller ``noted``, and
    against where requests and champions stand now.
    """
    heads = [*_heads(), *noted]  # before the log is read: what is appended since is in none
    with _reading() as connection:
        entries, stands = tables.logged(connection), tables.stands(connection)
    return chain.broken(entries, heads) or chain.astray(entries, stands)


def champion(model: str) -> str:
    """The version that is champion of ``model``; empty where none is."""
    with _reading() as connection:
        return tables.champion(connection, model)


def advance(model: str, before: str, after: str, by: str) -> None:
    """Make ``after`` the champion of ``model`` if ``before`` still is; empty: none is.

    Raises:
        BusyError: another version has become champion meanwhile.
    """
    with _writing() as connection:
        if (now := tables.champion(connection, model)) != before:
            raise BusyError(
                f"champion of {model} is now {now or 'none'}, not {before or 'none'}: "
                f"{after} was made from another; run it again from {now or 'the base'}"
            )
        tables.crown(connection, model, after)
        tables.append(connection, "champion.moved", model, by, {"before": before, "to": after})


def key(purpose: str) -> bytes:
    """A secret of this ledger, another for each purpose; without the ledger it is lost."""
    with _reading() as connection:
        return hmac.digest(tables.salt(connection), purpose.encode(), "sha256")


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
    with database.writing(tables.TABLES, tables.fill) as connection:
        before = tables.last(connection)
        yield connection
        after = tables.last(connection)
    if before != after:
        _note(chain.head(after))


@contextmanager
def _reading() -> Iterator[Connection]:
    with database.reading(tables.TABLES, tables.fill) as connection:
        yield connection


def _one(connection: Connection, id: str) -> Deletion:
    if ID.fullmatch(id) and (found := tables.deletions(connection, id)):
        return found[0]
    known = [subject for subject in tables.stands(connection) if ID.fullmatch(subject)]
    there = nearest(id, known) if known else "; there are none yet"
    raise ConfigError(f"{id[:40]!a}: no such request{there[:200]}; see lethe request list")


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
    new = valid(Move, {"status": to, "at": tables.now(), "by": by, "note": note})
    tables.change(connection, found.id, status=to, run=run)
    tables.enter_move(connection, found.id, len(found.moves) + 1, new)
    details = {"before": found.status, "to": to, **({"run": run} if run else {})}
    tables.append(connection, "request.moved", found.id, by, details)
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


def _note(head: Head) -> None:
    """Append a head to the file beside the ledger; lines this short are written whole."""
    path = Settings().root / "ledger.heads"
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{head}\n")


def _heads() -> list[Head]:
    path = Settings().root / "ledger.heads"
    try:
        return [chain.noted(line) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
    except (ValueError, ConfigError):
        raise RegistryError(
            f"{path} holds what is no head of a log: restore it from a backup"
        ) from None
