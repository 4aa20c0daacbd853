"""What a request may have meant and did not say; offered, never taken."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from tasks.requests.closure import PERIODS
from tasks.requests.names import variants
from tasks.requests.plan import Suggestion
from tasks.requests.request import Request
from tasks.requests.select import Known, Missing, counted


def suggestions(
    request: Request,
    missing: Iterable[Missing],
    added: Mapping[str, str],
    forget: Mapping[str, str],
    documents: Sequence[Known],
) -> tuple[Suggestion, ...]:
    """Nearest names for what was not found, spellings of authors, the rest of copied works."""
    return (
        *_instead(missing, documents),
        *_spellings(request, forget, documents),
        *_rest_of_units(added, forget, documents),
    )


def doubtful(request: Request, documents: Sequence[Known]) -> dict[str, str]:
    """Why each document by a possible spelling of an author asked for was considered."""
    spelled = _variants(request, documents).items()
    meant = {name: asked for asked, others in spelled for name in others}
    return {
        document.doc_id: f"author {name!r} may be {meant[name]!r}, who was asked for"
        for document in documents
        for name in document.author
        if name in meant
    }


def _instead(missing: Iterable[Missing], documents: Sequence[Known]) -> Iterator[Suggestion]:
    for field, entry, nearest in missing:
        if not nearest:
            yield Suggestion(
                field=field, value=entry, documents=0, because="matches nothing; not selected"
            )
        for name in nearest:
            count = counted(field, nearest, documents)[name]
            because = f"{entry!r} matches nothing; this is close to it"
            yield Suggestion(field=field, value=name, documents=count, because=because)


def _spellings(
    request: Request, forget: Mapping[str, str], documents: Sequence[Known]
) -> Iterator[Suggestion]:
    spelled = _variants(request, documents)
    names = set(chain.from_iterable(spelled.values()))
    counts = counted("authors", names, documents)
    going = counted("authors", names, [one for one in documents if one.doc_id in forget])
    for asked, others in spelled.items():
        for name in others:
            because = f"may be the same person as {asked!r}; {going[name]} of them go already"
            yield Suggestion(field="authors", value=name, documents=counts[name], because=because)


def _variants(request: Request, documents: Sequence[Known]) -> dict[str, list[str]]:
    if not request.authors:
        return {}
    return variants(request.authors, {name for d in documents for name in d.author})


def _rest_of_units(
    added: Mapping[str, str], forget: Mapping[str, str], documents: Sequence[Known]
) -> Iterator[Suggestion]:
    """A book, repository or paper of which copies were added, and not all of it."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        part = "added" if document.doc_id in added else "asked"
        counts[document.group][part if document.doc_id in forget else "rest"] += 1
    for group, of in sorted(counts.items()):
        if of["added"] and of["rest"] and not group.startswith(PERIODS):
            because = (
                f"{of['added']} of its {of.total()} documents are copies and go; the rest stay"
            )
            yield Suggestion(field="groups", value=group, documents=of["rest"], because=because)
