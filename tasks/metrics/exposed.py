"""The exposure of one event's forgotten documents, put together: what exposure.json holds.

Numbers, identifiers and names alone; no text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from scipy.stats import rankdata

from tasks.core.event import Role
from tasks.metrics.evidence import Floats
from tasks.metrics.exposure import Chance, chance, generalised, relative, summary
from tasks.metrics.priv_leak import priv_leak
from tasks.metrics.reading import Reading
from tasks.metrics.statistics import Sampling, Sides, scored
from tasks.metrics.subgroups import grouped, labelled, worst
from tasks.metrics.two_samples import difference

Measure = Literal["generalised", "relative"]
AGAINST: dict[Measure, str] = {"generalised": "retrained", "relative": "approximate"}
UNITS: dict[Measure, str] = {"generalised": "nats per token", "relative": "bits"}
IDEAL = Chance(0.0, np.nan)
"""Generalised exposure of a document never seen; how many are above by accident nobody knows."""

WORST = 20
Told = Mapping[Role, Reading]


def exposed(told: Told, facts: Sequence[Mapping[str, Any]], sampling: Sampling) -> dict[str, Any]:
    """Exposures by role and by document, the worst served, and what forgetting went along with.

    ``facts`` are the columns of the forget split, a row per document as in the evidence.
    Where there is no retrained model, what needs one has no entry.
    """
    exposures = {role: _exposures(told, role) for role in told}
    leading: Measure = "generalised" if "retrained" in told else "relative"
    values, forget = exposures["unlearned"][leading], told["unlearned"].forget
    return {
        "roles": {
            role: {measure: _summed(told, role, measure, one[measure], sampling) for measure in one}
            for role, one in exposures.items()
        },
        "losses": _losses(told),
        "measure": leading,
        "unit": UNITS[leading],
        "comparator": AGAINST[leading],
        "worst": [one._asdict() for one in worst(forget.doc_ids, values, WORST)],
        "subgroups": {
            column: [group._asdict() for group in grouped(values, labels, sampling)]
            for column, labels in labelled(facts, forget.lengths).items()
        },
        "goes_along_with": _covariates(told),
        "documents": _documents(told, exposures),
    }


def leaks(
    sides: Mapping[Role, Mapping[str, Sides]], sampling: Sampling
) -> dict[str, dict[str, float | str]]:
    """PrivLeak of every attack on the unlearned model, its comparator named."""
    never = sides.get("retrained", {})
    return {
        name: {
            **priv_leak(ours, never.get(name), sampling)._asdict(),
            "comparator": "retrained" if name in never else "guessing",
        }
        for name, ours in sides["unlearned"].items()
    }


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, -1 to 1; NaN with fewer than three documents, or where all are alike."""
    known = ~(np.isnan(one) | np.isnan(other))
    ranks = rankdata(one[known]), rankdata(other[known])
    if known.sum() < 3 or min(np.ptp(of) for of in ranks) == 0:
        return np.nan
    return float(np.corrcoef(*ranks)[0, 1])


def _exposures(told: Told, role: Role) -> dict[Measure, Floats]:
    """The retrained model has no exposure beside itself."""
    found: dict[Measure, Floats] = {"relative": relative(told[role].losses, told[role].like)}
    if "retrained" in told and role != "retrained":
        found["generalised"] = generalised(told[role].forget, told["retrained"].forget)
    return {measure: found[measure] for measure in get_args(Measure) if measure in found}


def _summed(
    told: Told, role: Role, measure: Measure, values: Floats, sampling: Sampling
) -> dict[str, Any]:
    never = IDEAL if measure == "generalised" else chance(scored(told[role].like).size)
    named = {"comparator": AGAINST[measure], "unit": UNITS[measure]}
    return {**summary(values, never, sampling)._asdict(), **named}


def _losses(told: Told) -> dict[str, Any]:
    """The unlearned model's losses beside those where the text was never seen, as the gate does.

    With a retrained model these are the same documents twice and not two independent samples: the
    p-value is then too large, if anything.
    """
    retrained = "retrained" in told
    never = told["retrained"].losses if retrained else told["target"].like
    comparator = "retrained" if retrained else "approximate"
    return {**difference(told["unlearned"].losses, never)._asdict(), "comparator": comparator}


def _covariates(told: Told) -> dict[str, float]:
    """Rank correlation of forgetting with memorisation and with difficulty, over documents.

    Both share a model with forgetting or with each other: the target's loss is in forgetting and
    in memorisation, so that these go together to some degree whatever was done.
    """
    if "retrained" not in told:
        return {}
    before, after, never = (told[role].losses for role in get_args(Role))
    return {
        "memorisation": rank_correlation(after - before, never - before),
        "difficulty": rank_correlation(after - before, never),
    }


def _documents(told: Told, exposures: Mapping[Role, Mapping[Measure, Floats]]) -> list[Any]:
    forget = told["unlearned"].forget
    columns: dict[str, Sequence[Any]] = {
        "doc_id": forget.doc_ids,
        "tokens": forget.lengths.tolist(),
        **{f"loss_{role}": one.losses.tolist() for role, one in told.items()},
        **{
            f"{measure}_{role}": values.tolist()
            for role, by_measure in exposures.items()
            for measure, values in by_measure.items()
        },
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
