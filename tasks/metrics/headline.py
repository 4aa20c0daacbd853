"""The few figures that say how far a text is forgotten, from the evidence of one model alone."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from tasks import metrics
from tasks.core.event import Role
from tasks.metrics import evidence
from tasks.metrics.metric import intervals
from tasks.metrics.reading import Reading
from tasks.metrics.statistics import Sampling, Sides, standing

ENDS = (("", "_low", "_high"), ("mean", "low", "high"))
"""How a figure and the ends of its interval are named where they are logged beside each other."""

SCORES = ("perplexity", "exact_memorisation", "extraction_strength")
ATTACKED = ("loss", "min_k_20")


class Figure(NamedTuple):
    """A measurement and its interval."""

    value: float
    low: float
    high: float


def headlines(folder: Path, scores: Sampling, attacks: Sampling) -> dict[Role, dict[str, Figure]]:
    """The same of every model whose evidence is in a folder of its role below ``folder``."""
    roles: tuple[Role, ...] = get_args(Role)
    return {
        role: headline(
            Reading(
                *(evidence.read(folder / role / f"{name}.parquet") for name in Reading._fields)
            ),
            scores,
            attacks,
        )
        for role in roles
        if (folder / role).is_dir()
    }


def headline(seen: Reading, scores: Sampling, attacks: Sampling) -> dict[str, Figure]:
    """Scores of the forgotten documents, and the AUC of attacks on them, by the names of both."""
    chosen = [metrics.METRICS[name] for name in SCORES]  # late: the package discovers this file
    sure = intervals(chosen, seen.forget, scores)
    figures = {
        f"forget/{metric.name}": Figure(metric.value(seen.forget), *sure[metric.name])
        for metric in chosen
    }
    for name in ATTACKED:
        found = standing(*Sides(*map(metrics.ATTACKS[name].per_document, seen)), attacks)
        figures[f"attack/{name}/auc"] = Figure(found.auc, found.auc_low, found.auc_high)
    return figures


def bounded(logged: Mapping[str, float | None]) -> dict[str, Figure]:
    """Those of the figures that were ``logged`` that have an interval; null is NaN.

    The opposite of ``metric.bounds``: ``test/accuracy``, ``test/accuracy_low`` and
    ``test/accuracy_high`` are one figure.
    """
    found = {}
    for name in logged:
        for value, *ends in ENDS:
            beside = [f"{name.removesuffix(value)}{end}" for end in ends]
            if name.endswith(value) and all(one in logged for one in beside):
                numbers = (logged[one] for one in (name, *beside))
                found[name] = Figure(*(math.nan if one is None else one for one in numbers))
    return found
