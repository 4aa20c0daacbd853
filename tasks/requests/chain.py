"""An event log in which each entry holds the digest of the one before it.

After Haber and Stornetta 1991, *How to time-stamp a digital document*, J. Cryptology 3. A change,
an omission and another order within the chain are found from the chain alone. Its end can be cut
off, or all of it written anew, without a trace in itself: a head that was noted elsewhere finds it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from tasks.core.errors import ConfigError
from tasks.core.variants import Section
from tasks.requests.deletion import Moment, Reference

HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
LEFT = ("request.received", "request.moved", "champion.moved")
"""The entries that say where their subject is left."""

START = "0" * 64
"""What the first entry names as the one before it."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
Short = Annotated[str, StringConstraints(max_length=500)]
Value = Short | bool | int | Annotated[float, Field(allow_inf_nan=False)]


class Said(Section):
    """What happened: ids, digests and counts, for an entry can never be taken back."""

    at: Moment
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z]+(?:[.-][a-z]+)*$", max_length=64)]
    subject: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
    by: Reference
    details: dict[Key, Value] = {}


class Entry(Said):
    """The same with its place in the chain."""

    number: Annotated[int, Field(ge=1)]
    previous: Digest
    digest: Digest


class Head(NamedTuple):
    """The last entry of a chain: whoever notes it finds out if the chain is cut off before it."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


def linked(entries: Sequence[Entry], new: Said) -> Entry:
    """The entry that ``new`` becomes after ``entries``, of which the last is enough."""
    number, previous = head(entries)
    placed = {**dict(new), "number": number + 1, "previous": previous}
    return Entry(**placed, digest=digested(Entry.model_construct(**placed)))


def head(entries: Sequence[Entry]) -> Head:
    """The number and digest of the last of ``entries``."""
    return Head(entries[-1].number, entries[-1].digest) if entries else Head(0, START)


def digested(entry: Entry) -> str:
    """SHA-256 of everything in an entry but its digest, as canonical JSON."""
    said = {
        "at": entry.at.isoformat(),
        "by": entry.by,
        "details": entry.details,
        "kind": entry.kind,
        "number": entry.number,
        "previous": entry.previous,
        "subject": entry.subject,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def broken(entries: Sequence[Entry], heads: Iterable[Head] = ()) -> str:
    """What is wrong with a chain that starts at its first entry; empty where it is whole.

    ``heads`` were noted elsewhere: each must be an entry of this chain.
    """
    previous, wanted = START, 1
    for entry in entries:
        if fault := _fault(entry, wanted, previous):
            return fault
        previous, wanted = entry.digest, wanted + 1
    for noted in sorted(heads, reverse=True):  # the last tells the whole of what was cut off
        if fault := _unlike(entries, noted):
            return fault
    return ""


def noted(text: str) -> Head:
    """A head as it was written down.

    Raises:
        ConfigError: it is not of the form NUMBER:DIGEST.
    """
    parts = HEAD.fullmatch(text)
    if parts is None:
        raise ConfigError(
            f"{text[:80]!a} is no head of a log: write NUMBER:DIGEST, as lethe log verify shows it"
        )
    return Head(int(parts[1]), parts[2])


def astray(entries: Iterable[Entry], stands: Mapping[str, str]) -> str:
    """Which request or champion ``stands`` elsewhere than the log left it; empty where none does.

    The last entry on a subject that says ``to`` says where it was left.
    """
    left: dict[str, str] = {}
    for entry in entries:
        if entry.kind in LEFT:
            left[entry.subject] = str(entry.details.get("to", "received"))
    for subject in sorted(left.keys() | stands.keys()):
        if left.get(subject) != stands.get(subject):
            return (
                f"{subject} is {stands.get(subject, 'gone')}, and the log left it "
                f"{left.get(subject, 'nowhere')}: it was changed past the log"
            )
    return ""


def _fault(entry: Entry, wanted: int, previous: str) -> str:
    if entry.number > wanted:
        return f"{_span(wanted, entry.number - 1)} missing before entry {entry.number}"
    if entry.number < wanted:
        return f"entry {entry.number} is out of order, after entry {wanted - 1}"
    if entry.digest != digested(entry):
        return f"entry {entry.number} was changed: its digest is not that of what it says"
    if entry.previous != previous:
        return f"entry {entry.number} does not follow the one before it, which was replaced"
    return ""


def _unlike(entries: Sequence[Entry], noted: Head) -> str:
    if noted.number == 0:
        return ""
    if noted.number > len(entries):
        return f"{_span(len(entries) + 1, noted.number)} missing: the end was cut off"
    if entries[noted.number - 1].digest != noted.digest:
        return f"entry {noted.number} is not the one that was noted: the log was written anew"
    return ""


def _span(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
