"""All that a report tells, as numbers, identifiers and names. No text of any document."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.core.event import Role, Split
from tasks.core.record import Record

Floats = NDArray[np.float64]
Step = Mapping[str, float]


class Curve(NamedTuple):
    """Corners of a receiver operating characteristic."""

    fpr: Sequence[float]
    tpr: Sequence[float]


class Told(NamedTuple):
    """One event; NaN where a number is missing, no entry where there is no such model."""

    name: str
    config: Mapping[str, Any]
    commit: str
    """Of the code that wrote the report, or why there is none."""

    records: Mapping[str, Record]
    """What was made on the way, by what it is."""

    revision: Mapping[str, Any]
    """Of the data: ``workspace``, ``revision`` and ``md5`` of each split."""

    plan: Mapping[str, Any]
    checks: Sequence[Mapping[str, Any]]
    """``suite``, ``expectation``, ``success``, ``observed``."""

    docs: str
    """Where the pages of the checks are, from where the report is."""

    verdict: Mapping[str, Any]
    scores: Mapping[Role, Mapping[Split, Mapping[str, float]]]
    intervals: Mapping[Role, Mapping[Split, Mapping[str, Mapping[str, float]]]]
    """``low`` and ``high`` of every score."""

    attacks: Mapping[Role, Mapping[str, Mapping[str, float]]]
    curves: Mapping[Role, Mapping[str, Curve]]
    losses: Mapping[Role, Floats]
    """Mean nats per token of each document to be forgotten."""

    like: Floats
    """The same of the target on the approximate split."""

    exposure: Mapping[str, Any]
    """As ``tasks.metrics.exposed`` puts it together."""

    spent: Mapping[Role, Mapping[str, Any]]
    steps: Sequence[Step]

    @property
    def retrained(self) -> bool:
        """Whether the measure is a model trained again, and not text like the forgotten."""
        return bool(self.verdict["comparator"] == "retrained")

    @property
    def kept_step(self) -> float:
        """The step whose weights the unlearned model has; NaN where not known."""
        return float(self.spent["unlearned"].get("kept_step", math.nan))
