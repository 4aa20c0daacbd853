"""Min-K% probability: text that was trained on has few very unlikely tokens.

Shi et al. 2024, *Detecting Pretraining Data from Large Language Models*, arXiv:2310.16789.
"""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Attack


def mean_of_lowest(values: Floats, percent: int) -> float:
    """Mean of the lowest ``percent`` of ``values``, rounded down, at least one; NaN of none."""
    if not values.size:
        return np.nan
    count = max(values.size * percent // 100, 1)
    return float(np.partition(values, count - 1)[:count].mean())


class MinK20(Attack):
    """Mean log-probability of the least likely fifth of the tokens, in nats; at most 0."""

    name: Literal["min_k_20"] = "min_k_20"

    def per_document(self, evidence: Evidence) -> Floats:
        return np.array([mean_of_lowest(logp, 20) for logp in evidence.documents(evidence.logp)])


class MinK40(Attack):
    """Mean log-probability of the least likely two fifths of the tokens, in nats; at most 0."""

    name: Literal["min_k_40"] = "min_k_40"

    def per_document(self, evidence: Evidence) -> Floats:
        return np.array([mean_of_lowest(logp, 40) for logp in evidence.documents(evidence.logp)])
