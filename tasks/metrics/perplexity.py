"""Perplexity: how many tokens the model hesitates between, on average."""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric


class Perplexity(Metric):
    """exp of the mean nats per token; 1 where the text is known by heart, no upper limit."""

    name: Literal["perplexity"] = "perplexity"

    def per_document(self, evidence: Evidence) -> Floats:
        return _exp(-evidence.means(evidence.logp))

    def value(self, evidence: Evidence) -> float:
        """exp(sum of nats / number of tokens): every token weighs the same, not every document."""
        if not evidence.logp.size:
            return np.nan
        return float(_exp(-evidence.logp.mean(dtype=np.float64)))


def _exp(nats: Floats | np.floating) -> Floats:
    with np.errstate(over="ignore"):  # beyond 709 nats a token it is infinite, and that is said
        return np.exp(nats)
