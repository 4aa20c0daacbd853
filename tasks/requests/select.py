"""Which documents the lists of a request name, and which entries name none."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from tasks.requests.names import folded
from tasks.requests.normalise import normalise
from tasks.requests.request import Request

NEAREST = 10
"""Entries of one list that the nearest name is looked for; comparing with every name is slow."""

REPOSITORY = "repo:"


class Known(NamedTuple):
    """What is known of a document, its text left out."""

    doc_id: str
    domain: str
    kind: str
    title: str
    author: tuple[str, ...]
    license: str | None
    date: str | None
    group: str
    tokens: int
    duplicate_of: str | None


class Selector(NamedTuple):
    """One list of a request: what its entries are compared with, and how."""

    field: str
    noun: str
    names: Callable[[Known], Iterable[str]]
    key: Callable[[str], str]


class Missing(NamedTuple):
    """An entry that names no document, and the nearest names that do name some."""

    field: str
    entry: str
    nearest: tuple[str, ...]


class Named(NamedTuple):
    """Why each document is named, in the order of the corpus, and what was not found."""

    because: dict[str, str]
    missing: list[Missing]


def _itself(name: str) -> str:
    return name


def _repositories(document: Known) -> set[str]:
    authors = document.author if document.kind == "file" else ()
    group = document.group
    return {*authors, *([group.removeprefix(REPOSITORY)] if group.startswith(REPOSITORY) else [])}


def _owners(document: Known) -> set[str]:
    return {name.partition("/")[0] for name in _repositories(document) if "/" in name}


SELECTORS = (
    Selector("doc_ids", "id", lambda document: [document.doc_id], _itself),
    Selector("authors", "author", lambda document: document.author, folded),
    Selector("titles", "title", lambda document: [document.title], normalise),
    Selector("repositories", "repository", _repositories, folded),
    Selector("owners", "owner", _owners, folded),
    Selector("groups", "group", lambda document: [document.group], _itself),
    Selector("licenses", "licence", lambda document: [document.license or ""], folded),
)
"""Every list of a request but the passages, which are looked for in the text."""


def named(request: Request, documents: Iterable[Known]) -> Named:
    """The union of all lists but the passages; a document keeps the first reason found for it."""
    documents = list(documents)
    because: dict[str, str] = {}
    missing: list[Missing] = []
    for selector in SELECTORS:
        entries: tuple[str, ...] = getattr(request, selector.field)
        if entries:
            found = _named(selector, entries, documents, because)
            missing += _missing(selector, [e for e in entries if e not in found], documents)
    return Named({d.doc_id: because[d.doc_id] for d in documents if d.doc_id in because}, missing)


def counted(field: str, names: Iterable[str], documents: Iterable[Known]) -> Mapping[str, int]:
    """How many documents have each of ``names`` exactly as spelled."""
    (selector,) = (selector for selector in SELECTORS if selector.field == field)
    counts = dict.fromkeys(names, 0)
    for document in documents:
        for name in set(selector.names(document)) & counts.keys():
            counts[name] += 1
    return counts


def _named(
    selector: Selector, entries: Iterable[str], documents: list[Known], because: dict[str, str]
) -> set[str]:
    """The ``entries`` found; the documents they name are added to ``because``."""
    wanted: dict[str, list[str]] = {}
    for entry in entries:
        wanted.setdefault(selector.key(entry), []).append(entry)
    found = set()
    for document in documents:
        for name in selector.names(document):
            if name and (asked := wanted.get(selector.key(name))):
                found.update(asked)
                because.setdefault(document.doc_id, f"{selector.noun} {name!r}")
    return found


def _missing(selector: Selector, entries: list[str], documents: list[Known]) -> Iterable[Missing]:
    names = {name for document in documents for name in selector.names(document)} if entries else ()
    spelled = {folded(name): name for name in sorted(names)}
    for at, entry in enumerate(dict.fromkeys(entries)):
        close = get_close_matches(folded(entry), spelled, cutoff=0.8) if at < NEAREST else []
        yield Missing(selector.field, entry, tuple(spelled[name] for name in close))
