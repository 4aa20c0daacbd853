"""What the page of a certificate says, part by part, from the statement as JSON has it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from tasks.core.event import Role
from tasks.pages.words import NOT_MEASURED, number

HEADLINE = "The forgotten text, before and after"
PARTS = {
    "matched": "what the request names",
    "added": "near-copies of those, which had to go with them",
    "left": "considered and left; the rest of what is known of them stays",
}
AGAINST = {
    "retrained": "a model that was trained again without the text",
    "approximate": "similar text that the target never saw, as the target knows it",
}
TITLES = {
    "issued": "Forgotten, as far as was measured",
    "revoked": "Revoked: this version is no answer to the request any more",
    "erased": "Forgotten, as far as was measured, and erased",
}


class Cell(NamedTuple):
    """A figure and its interval."""

    figure: str
    between: str = ""


Rows = list[tuple[str, list[Cell]]]


def summary(said: Mapping[str, Any]) -> str:
    """What was done, in a few sentences."""
    found = said["found"]
    documents, tokens = (
        sum(found[part]["documents"] for part in ("matched", "added")),
        found["tokens"],
    )
    return (
        f"{documents:,} documents with {tokens:,} tokens were unlearned in {said['version']}. It "
        f"was held against {AGAINST[said['judged']['comparator']]}; what that does not prove is "
        "said below."
    )


def moment(text: str) -> str:
    """A time, of UTC, to the minute."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def roles(measured: Mapping[str, Any]) -> list[str]:
    """The models that were measured, one a column."""
    return [role for role in get_args(Role) if role in measured["headline"]]


def measured(measured: Mapping[str, Any]) -> Iterator[tuple[str, Rows]]:
    """The figures by title: those that can be computed again, and the others."""
    for title, part in ((HEADLINE, "headline"), ("Every other figure with an interval", "further")):
        yield title, _rows([measured[part].get(role, {}) for role in roles(measured)])


def _rows(models: Sequence[Mapping[str, Any]]) -> Rows:
    names = dict.fromkeys(name for figures in models for name in figures)
    return [
        (
            name.replace("/", ", ").replace("_", " "),
            [_cell(figures.get(name)) for figures in models],
        )
        for name in names
    ]


def _cell(figure: Mapping[str, float | None] | None) -> Cell:
    if figure is None or figure["value"] is None:
        return Cell(NOT_MEASURED)
    if figure["low"] is None or figure["high"] is None:
        return Cell(number(figure["value"]))
    ends = f"{number(figure['low'])} to {number(figure['high'])}"
    return Cell(number(figure["value"]), ends)


def price(cost: Mapping[str, float | None]) -> str:
    """What unlearning cost, beside what training again would have."""
    spent = (
        f"{number(cost['seconds'])} s, {number(cost['tokens'])} tokens, "
        f"{number(cost['flops'])} FLOP"
    )
    if cost["ratio"] is None:
        return f"{spent}; retraining was {NOT_MEASURED}"
    return f"{spent}; retraining is {number(cost['ratio'])} times the FLOP"


def knobs(knobs: Mapping[str, Any]) -> str:
    """Every setting, in ASCII: nothing in it can hide or turn round."""
    return json.dumps(knobs, indent=1)
