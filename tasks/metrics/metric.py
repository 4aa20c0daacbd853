"""What every measure looks like: numbers in, number out, no model in sight."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from tasks.core.variants import Variant
from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.statistics import Interval, Sampling, ratio_intervals


class Measure(Variant):
    """One published number per document, computed from evidence."""

    @abstractmethod
    def per_document(self, evidence: Evidence) -> Floats:
        """One value per document, NaN where none of its tokens is scored; [documents]."""


class Parts(NamedTuple):
    """What each document with a scored token adds to a split's value: sum(above) / sum(below)."""

    above: Floats
    below: Floats


class Metric(Measure):
    """How well a model knows a split."""

    def parts(self, evidence: Evidence) -> Parts:
        """Every document weighs the same, unless a metric says otherwise."""
        values = self.per_document(evidence)[evidence.lengths > 0]
        return Parts(values, np.ones_like(values))

    def scaled(self, ratio: float) -> float:
        """The value, from the ratio of its parts; rising with it."""
        return ratio

    def value(self, evidence: Evidence) -> float:
        """The split's value, NaN without a scored token."""
        above, below = self.parts(evidence)
        return self.scaled(float(above.sum() / below.sum())) if below.size else np.nan


def intervals(
    metrics: Iterable[Metric], evidence: Evidence, sampling: Sampling
) -> dict[str, Interval]:
    """Bootstrap intervals of each metric's value by its name, all of the same resamples."""
    metrics = list(metrics)
    above_DM, below_DM = (
        np.stack(columns, axis=1)
        for columns in zip(*(metric.parts(evidence) for metric in metrics), strict=True)
    )
    found = ratio_intervals(above_DM, below_DM, sampling)
    return {
        metric.name: Interval(metric.scaled(low), metric.scaled(high))
        for metric, (low, high) in zip(metrics, found, strict=True)
    }


def bounds(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """``intervals.json`` as figures beside the scores: ``perplexity_low``, ``perplexity_high``."""
    return {
        split: {f"{name}_{end}": x for name, ends in by_name.items() for end, x in ends.items()}
        for split, by_name in found.items()
    }


class Attack(Measure):
    """A membership score: the higher, the more the document looks like one that was trained on."""
