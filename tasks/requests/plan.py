"""What would be forgotten and why, before anything is trained. Holds ids and reasons, no text."""

from collections.abc import Iterable, Iterator

from tasks.core.variants import Section

SHOWN = 20
"""Entries of a list on a terminal; the JSON form has them all."""


class Planned(Section):
    """A document, what becomes of it and why."""

    doc_id: str
    reason: str
    tokens: int


class Suggestion(Section):
    """Something the request may have meant and did not say; taken only when it is asked for."""

    field: str
    value: str
    documents: int
    because: str


class Plan(Section):
    """The closure of a request."""

    matched: tuple[Planned, ...]
    added: tuple[Planned, ...]
    left: tuple[Planned, ...]
    suggestions: tuple[Suggestion, ...]
    documents: int
    tokens: int
    """To be forgotten: ``matched`` and ``added`` together."""

    @property
    def forget(self) -> dict[str, str]:
        """Why each document that must go must go, by its id."""
        return {planned.doc_id: planned.reason for planned in (*self.matched, *self.added)}

    @property
    def beside(self) -> dict[str, str]:
        """Why each document that was considered was left, by its id."""
        return {planned.doc_id: planned.reason for planned in self.left}


class Portion(Section):
    """What one deletion request takes of an event: ids alone, for reasons name what was asked."""

    id: str
    """Of the request."""
    matched: tuple[str, ...]
    added: tuple[str, ...]
    left: tuple[str, ...]
    tokens: int

    @property
    def forget(self) -> frozenset[str]:
        """What must go."""
        return frozenset((*self.matched, *self.added))


def portion(id: str, plan: Plan) -> Portion:
    """What the request ``id``, whose plan that is, takes."""
    named = {
        part: tuple(one.doc_id for one in getattr(plan, part))
        for part in ("matched", "added", "left")
    }
    return Portion(id=id, tokens=plan.tokens, **named)


def rendered(plan: Plan) -> str:
    """The plan as plain text for a terminal, every string from a corpus escaped."""
    lines = [
        f"{plan.documents:,} documents, {plan.tokens:,} tokens would be forgotten",
        *_listed("matched", plan.matched),
        *_listed("added", plan.added),
        *_listed("considered and left", plan.left),
    ]
    if plan.suggestions:
        lines += ["", f"suggestions ({len(plan.suggestions)}), none of them taken:"]
        lines += [
            f"  request.{s.field}: {s.value} ({s.documents:,} documents): {s.because}"
            for s in plan.suggestions[:SHOWN]
        ]
        lines += _more(len(plan.suggestions))
    return "\n".join(escaped(line) for line in lines)


def escaped(text: str) -> str:
    """``text`` with control, invisible and right-to-left characters spelled out, on one line."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _listed(name: str, planned: Iterable[Planned]) -> Iterator[str]:
    planned = list(planned)
    tokens = sum(one.tokens for one in planned)
    yield ""
    yield f"{name}: {len(planned):,} documents, {tokens:,} tokens"
    yield from (f"  {one.doc_id}: {one.reason}" for one in planned[:SHOWN])
    yield from _more(len(planned))


def _more(total: int) -> list[str]:
    return [f"  and {total - SHOWN:,} more"] if total > SHOWN else []
