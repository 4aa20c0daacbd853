"""From a request and a curated corpus to the plan: matched, added, left, suggested."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tasks.core.errors import ConfigError
from tasks.core.history import History
from tasks.requests.closure import added, left
from tasks.requests.passages import holders
from tasks.requests.plan import Plan, Planned
from tasks.requests.reading import copies, known, links, texts
from tasks.requests.request import Request
from tasks.requests.select import SELECTORS, Known, Missing, Named, named
from tasks.requests.suggest import doubtful, suggestions


def resolve(request: Request, corpus: Path, max_forget_share: float, history: History) -> Plan:
    """The closure of ``request`` over the curated corpus in the folder ``corpus``.

    Reads its ``documents``, ``duplicates`` and ``nearby``; text only where passages are given.
    What a model of this ``history`` never saw or has forgotten is left, and said to be.

    Raises:
        ConfigError: it names nothing, matches nothing, nothing that the model knows, or too large
            a share of a domain's tokens.
        DataError: the folder holds no curated documents.
    """
    _refuse_empty(request)
    documents = known(corpus)
    chosen = _chosen(request, documents, corpus)
    inside, outside = _by_date(request, chosen.because, documents)
    if not inside:
        raise ConfigError(_nothing(request, chosen.missing))
    inside, gone = _by_history(inside, history)
    if not inside:
        raise ConfigError(_unknown(gone))
    brought, copied = _by_history(
        added(inside | gone, [*copies(documents), *links(corpus / "duplicates")]), history
    )
    forget = inside | brought
    there = [one for one in documents if one.doc_id not in history.gone]
    _refuse_too_much(forget, there, max_forget_share)
    beside = (
        doubtful(request, documents)
        | left(forget, links(corpus / "nearby"), documents)
        | outside
        | copied
        | gone
    )
    return Plan(
        matched=_planned(inside, documents),
        added=_planned(brought, documents),
        left=_planned({at: why for at, why in beside.items() if at not in forget}, documents),
        suggestions=suggestions(request, chosen.missing, brought, forget, documents),
        documents=len(forget),
        tokens=sum(document.tokens for document in documents if document.doc_id in forget),
    )


def _chosen(request: Request, documents: Sequence[Known], corpus: Path) -> Named:
    """What the lists select; without any, every document, for the range alone to choose from."""
    if not _lists(request):
        return Named({document.doc_id: "" for document in documents}, [])
    because, missing = named(request, documents)
    if request.passages:
        found = holders(request.passages, texts(corpus))
        for number, (passage, doc_ids) in enumerate(zip(request.passages, found, strict=True), 1):
            entry = f"passage {number} ({len(passage):,} characters)"
            because = dict.fromkeys(doc_ids, f"holds {entry}") | because
            missing += [] if doc_ids else [Missing("passages", entry, ())]
    return Named(because, missing)


def _by_date(
    request: Request, because: Mapping[str, str], documents: Iterable[Known]
) -> tuple[dict[str, str], dict[str, str]]:
    """What is selected, and what a list names and the range of dates keeps out."""
    inside, outside = dict[str, str](), dict[str, str]()
    for document in documents:
        if (why := because.get(document.doc_id)) is None:
            continue
        dated = f"dated {document.date}" if document.date else "without a date"
        if not request.dated:
            inside[document.doc_id] = why
        elif document.date and request.covers(document.date):
            inside[document.doc_id] = f"{why}, {dated}" if why else dated
        elif why or not document.date:
            outside[document.doc_id] = f"{why}, but {dated}" if why else dated
    return inside, outside


def _by_history(
    because: Mapping[str, str], history: History
) -> tuple[dict[str, str], dict[str, str]]:
    """What the model can be made to forget, and what it cannot, with the reason."""
    inside, gone = dict[str, str](), dict[str, str]()
    for doc_id, why in because.items():
        if prevented := history.prevents(doc_id):
            gone[doc_id] = f"{why}, but {prevented}" if why else prevented
        else:
            inside[doc_id] = why
    return inside, gone


def _unknown(gone: Mapping[str, str]) -> str:
    """Why there is nothing to unlearn, though the request matches; one line."""
    before = sum(why.endswith("forgotten before") for why in gone.values())
    return (
        f"request: of the {len(gone):,} documents it matches {before:,} were forgotten before and "
        f"{len(gone) - before:,} were never seen by the model: there is nothing to unlearn; "
        "reject it with that reason, or ask for another model"
    )


def _planned(because: Mapping[str, str], documents: Iterable[Known]) -> tuple[Planned, ...]:
    return tuple(
        Planned(doc_id=document.doc_id, reason=because[document.doc_id], tokens=document.tokens)
        for document in documents
        if document.doc_id in because
    )


def _lists(request: Request) -> dict[str, tuple[str, ...]]:
    fields = [*(selector.field for selector in SELECTORS), "passages"]
    return {field: entries for field in fields if (entries := getattr(request, field))}


def _refuse_empty(request: Request) -> None:
    if not _lists(request) and not request.dated:
        raise ConfigError(
            "request: it names nothing to forget; give one of request.doc_ids, authors, titles, "
            "repositories, owners, groups, licenses, passages, dated_from, dated_to"
        )


def _nothing(request: Request, missing: Sequence[Missing]) -> str:
    """One line, without any text of a passage."""
    if not missing:
        return (
            f"request.dated_from={request.dated_from!r}, request.dated_to={request.dated_to!r}: "
            "none of the documents asked for is dated within; widen the range"
        )
    first, others = missing[0], len(missing) - 1
    nearest = f"; did you mean {first.nearest[0]!r}?" if first.nearest else "; check its spelling"
    return (
        f"request.{first.field}: {first.entry!r} matches no document"
        f"{f', nor do {others} other entries' if others else ''}{nearest}"
    )


def _refuse_too_much(
    forget: Mapping[str, str], documents: Sequence[Known], max_forget_share: float
) -> None:
    for domain in sorted({document.domain for document in documents}):
        held = [document for document in documents if document.domain == domain]
        going = sum(document.tokens for document in held if document.doc_id in forget)
        share = going / max(1, sum(document.tokens for document in held))
        if share > max_forget_share:
            raise ConfigError(
                f"request: {share:.0%} of the tokens of {domain} would be forgotten, more than "
                f"splits.max_forget_share={max_forget_share}: narrow the request, or raise it; "
                "too little would be left to learn from"
            )
