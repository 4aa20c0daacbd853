"""What must go with the documents a request matched, and what was considered and left.

The same text must not stay behind in another copy: duplicates and near-duplicates of a matched
document are added, and theirs, until there are no more (then no near-duplicate is on both sides).
Each reason names the link that brought the document, the strongest of those one step nearer to
what was matched. A date outside the range does not save a copy: its text is the text that must go.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tasks.requests.normalise import normalise
from tasks.requests.select import Known

PERIODS = ("arxiv-month:",)
"""Groups that are a stretch of time: sharing one says nothing of what two documents hold."""


class Link(NamedTuple):
    """Two documents that share text."""

    one: str
    other: str
    jaccard: float
    """Of their sets of word 5-grams."""
    exact: bool = False
    """Whether one is the other, character by character."""


def added(matched: Iterable[str], links: Iterable[Link]) -> dict[str, str]:
    """Why each document that ``links`` tie to ``matched``, however far, must go too."""
    around = _around(links)
    reached, brought = set(matched), dict[str, str]()
    edge = reached
    while edge:
        ties = [link for one in edge for link in around[one] if link.other not in reached]
        for link in sorted(ties, key=lambda tie: (-tie.jaccard, not tie.exact, tie.one)):
            brought.setdefault(link.other, _reason(link, further=link.one in brought))
        edge = {link.other for link in ties}
        reached = reached | edge
    return brought


def left(
    forget: Mapping[str, str], nearby: Iterable[Link], documents: Sequence[Known]
) -> dict[str, str]:
    """Why each document that is close to one of ``forget`` and is none of them stays.

    The strongest reason is given: shared text, then the same book, repository or paper, then the
    same title and author.
    """
    around = _around(nearby)
    ties = [link for one in forget for link in around[one] if link.other not in forget]
    shared = {
        link.other: f"shares text with {link.one} (Jaccard {link.jaccard:.2f}), short of a copy"
        for link in sorted(ties, key=lambda tie: (tie.jaccard, tie.one))
    }
    return _same_work(forget, documents) | _same_unit(forget, documents) | shared


def _same_work(forget: Mapping[str, str], documents: Sequence[Known]) -> dict[str, str]:
    works: dict[tuple[str, str], str] = {}
    for document in documents:
        if document.doc_id in forget:
            for work in _works(document):
                works.setdefault(work, document.doc_id)
    return {
        document.doc_id: f"has the title and an author of {works[work]}, but other text"
        for document in documents
        if document.doc_id not in forget
        for work in _works(document)
        if work in works
    }


def _same_unit(forget: Mapping[str, str], documents: Sequence[Known]) -> dict[str, str]:
    units: dict[str, str] = {}
    for document in documents:
        if document.doc_id in forget and not document.group.startswith(PERIODS):
            units.setdefault(document.group, document.doc_id)
    return {
        document.doc_id: f"in {document.group} like {units[document.group]}, but other text"
        for document in documents
        if document.doc_id not in forget and document.group in units
    }


def _works(document: Known) -> list[tuple[str, str]]:
    """A section's title is its book's and a file's is its path, so those tell works apart too."""
    title = normalise(document.title)
    return [(title, normalise(author)) for author in document.author] if title else []


def _around(links: Iterable[Link]) -> defaultdict[str, list[Link]]:
    around = defaultdict[str, list[Link]](list)
    for link in links:
        around[link.one].append(link)
        around[link.other].append(link._replace(one=link.other, other=link.one))
    return around


def _reason(link: Link, *, further: bool) -> str:
    tie = (
        f"the same text as {link.one}"
        if link.exact
        else f"near-duplicate of {link.one} (Jaccard {link.jaccard:.2f})"
    )
    return f"{tie}, itself added" if further else tie
