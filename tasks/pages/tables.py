"""The tables of a report: rows of words, made from numbers."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.core.event import SPLITS, Role, Split
from tasks.pages.told import Told
from tasks.pages.words import (
    MEMBERSHIP,
    NOT_MEASURED,
    apart,
    between,
    brief,
    interval,
    number,
    percent,
    share,
)

LISTED = 50
"""Documents of a list, and reasons of a table; the plan itself has them all."""

MODELS: dict[Role, str] = {
    "target": "knew the text",
    "unlearned": "made to forget it",
    "retrained": "never saw it",
}
FORMATS = {"perplexity": number, "accuracy": share}
"""Metrics of the first table, and how they are written; others are shares."""


class Cell(NamedTuple):
    """A figure, and where it lies; empty where that is not known or said in the figure itself."""

    figure: str
    between: str = ""


class Row(NamedTuple):
    """A model and its figures."""

    role: str
    about: str
    cells: list[Cell]


class Part(NamedTuple):
    """A part of the plan: reasons counted, documents listed up to a limit."""

    title: str
    documents: int
    tokens: int
    reasons: list[tuple[str, int, int]]
    more_reasons: int
    doc_ids: list[str]
    more: int


def side_by_side(told: Told) -> list[Row]:
    """Perplexity and accuracy on every split, and the AUC of the attack that counts."""
    attack = leading(told)
    rows = []
    for role, about in MODELS.items():
        if role not in told.scores:
            continue
        cells = [_scored(told, role, split, name) for split in SPLITS for name in FORMATS]
        standing = told.attacks[role].get(attack, {})
        rows.append(Row(role, about, [*cells, Cell(interval(standing))]))
    return rows


def scored(told: Told) -> list[Row]:
    """Every metric of every model on every split."""
    return [
        Row(name.replace("_", " "), role, [_scored(told, role, split, name) for split in SPLITS])
        for name in told.scores["unlearned"]["forget"]
        for role in MODELS
        if role in told.scores
    ]


def _scored(told: Told, role: Role, split: Split, name: str) -> Cell:
    written = FORMATS.get(name, share)
    ends = told.intervals[role].get(split, {}).get(name, {})
    return Cell(written(told.scores[role][split].get(name)), brief(ends))


def leading(told: Told) -> str:
    """The first attack of the gate; the first tried where the gate looks at none."""
    rules: list[str] = [one["rule"] for one in told.verdict["reasons"]]
    judged = [rule.removeprefix(MEMBERSHIP) for rule in rules if rule.startswith(MEMBERSHIP)]
    return [*judged, *told.attacks["unlearned"], "loss"][0]


def attacked(told: Told) -> list[Row]:
    """Every attack on every model."""
    return [
        Row(attack.replace("_", " "), role, [
            Cell(interval(standing)),
            _found(standing, "tpr_at_1pct_fpr"),
            _found(standing, "tpr_at_5pct_fpr"),
            Cell(percent(standing.get("smallest_fpr"))),
            Cell(apart(standing)),
            Cell(f"{number(standing.get('members'))} / {number(standing.get('nonmembers'))}"),
        ])
        for attack in told.attacks["unlearned"]
        for role in MODELS
        if (standing := told.attacks.get(role, {}).get(attack))
    ]  # fmt: skip


def _found(standing: Mapping[str, float], name: str) -> Cell:
    ends = {end: standing.get(f"{name}_{end}", math.nan) for end in ("low", "high")}
    return Cell(share(standing.get(name)), between(ends, share))


def exposures(told: Told) -> list[Row]:
    """Every exposure of every model, with what it is held against."""
    return [
        Row(role, measure, [
            Cell(AGAINST[one["comparator"]]),
            Cell(number(one["mean"]), between(one)),
            Cell(one["unit"]),
            Cell(number(one["never_seen"])),
            Cell(percent(one["above"])),
            Cell(percent(one["above_never_seen"])),
            Cell(f"{one['documents']:,} / {one['unscored']:,}"),
        ])
        for role in MODELS
        for measure, one in told.exposure["roles"].get(role, {}).items()
    ]  # fmt: skip


AGAINST = {
    "retrained": "the retrained model, same documents",
    "approximate": "similar documents never seen, same model",
}


def served(told: Told) -> list[tuple[str, list[Mapping[str, Any]], int]]:
    """Exposure by what documents share, the most exposed first up to a limit, and how many more."""
    return [
        (column, groups[:LISTED], max(len(groups) - LISTED, 0))
        for column, groups in told.exposure["subgroups"].items()
    ]


def requested(told: Told) -> list[tuple[str, list[str], int]]:
    """What somebody asked for, field by field: entries up to a limit, and how many more."""
    fields = {
        field: [entries] if isinstance(entries, str) else entries
        for field, entries in told.config.get("request", {}).items()
        if entries
    }
    return [
        (field.replace("_", " "), entries[:LISTED], max(len(entries) - LISTED, 0))
        for field, entries in fields.items()
    ]


def planned(told: Told) -> list[Part]:
    """What was matched, added, and considered and left."""
    titles = {
        "matched": "Asked for",
        "added": "Added, because the same text was in them",
        "left": "Considered and left",
    }
    ids = {one["doc_id"] for name in ("matched", "added") for one in told.plan[name]}
    return [_part(title, told.plan[name], ids) for name, title in titles.items()]


def checked(told: Told) -> list[tuple[str, int, int]]:
    """Suites of expectations: how many there are, how many hold."""
    suites: dict[str, list[bool]] = defaultdict(list)
    for one in told.checks:
        suites[one["suite"]].append(bool(one["success"]))
    return [(suite, len(found), sum(found)) for suite, found in suites.items()]


def costs(told: Told) -> list[tuple[str, list[str]]]:
    """What each model took, a row a figure."""
    figures = {
        "Tokens trained on": ("tokens", 1),
        "Arithmetic (FLOP)": ("flops", 1),
        "Seconds of training": ("seconds", 1),
        "Energy (kJ)": ("joules", 1e3),
        "Peak memory (GB)": ("peak_memory_bytes", 1e9),
        "Optimiser steps": ("steps", 1),
        "Parameters": ("parameters", 1),
    }
    return [
        (title, [_over(told.spent[role].get(name), unit) for role in MODELS if role in told.spent])
        for title, (name, unit) in figures.items()
    ]


def _over(value: float | None, unit: float) -> str:
    return NOT_MEASURED if value is None else number(value / unit)


def _part(title: str, planned: list[Mapping[str, Any]], ids: set[str]) -> Part:
    documents, tokens = Counter[str](), Counter[str]()
    for one in planned:
        reason = _alike(one["reason"], ids)
        documents[reason] += 1
        tokens[reason] += one["tokens"]
    reasons = [(reason, count, tokens[reason]) for reason, count in documents.most_common()]
    doc_ids = [one["doc_id"] for one in planned]
    return Part(
        title,
        len(planned),
        tokens.total(),
        reasons[:LISTED],
        max(len(reasons) - LISTED, 0),
        doc_ids[:LISTED],
        max(len(doc_ids) - LISTED, 0),
    )


def _alike(reason: str, ids: set[str]) -> str:
    """``reason`` without which document it is about, so that like reasons count together."""
    words = [
        re.sub(r".+?(,?)$", r"another document\1", word) if word.rstrip(",") in ids else word
        for word in reason.split(" ")
    ]
    return re.sub(r" \(Jaccard [\d.]+\)", "", " ".join(words))


def method(told: Told) -> str:
    """The method and how far it went, in a line."""
    unlearn = told.config.get("unlearn", {})
    terms = unlearn.get("method", {})
    parts = [f"{_named(terms.get('forget', {}))} on forget"]
    parts += [
        f"{_named(keep['term'])} on {keep['split']} with weight {keep['weight']:g}"
        for keep in terms.get("keep", ())
    ]
    if (coupling := terms.get("coupling", {}).get("name", "sum")) != "sum":
        parts.append(f"joined by {coupling.replace('_', ' ')}")
    if (weights := terms.get("weights", {}).get("name", "all")) != "all":
        parts.append(f"{weights.replace('_', ' ')} weights")
    if (edit := terms.get("edit", {})).get("name", "trained") != "trained":
        parts.append(f"{edit['name'].replace('_', ' ')} with {edit['forget']:g} of it taken off")
    optimiser = unlearn.get("optimiser", {})
    return (
        f"{', '.join(parts)}; {number(told.spent['unlearned'].get('steps'))} steps at learning "
        f"rate {optimiser.get('learning_rate', float('nan')):g}"
    )


def _named(term: Mapping[str, Any]) -> str:
    return str(term.get("name", "not known")).replace("_", " ")
