"""Perplexity: how many tokens the model hesitates between, on average."""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric, Parts


class Perplexity(Metric):
    """exp of the mean nats per token; 1 where the text is known by heart, no upper limit."""

    name: Literal["perplexity"] = "perplexity"

    def per_document(self, evidence: Evidence) -> Floats:
        return _exp(-evidence.means(evidence.logp))

    def parts(self, evidence: Evidence) -> Parts:
        """Nats over tokens: every token weighs the same, not every document."""
        return Parts(*evidence.sums(-evidence.logp))

    def scaled(self, ratio: float) -> float:
        return float(_exp(np.float64(ratio)))


def _exp(nats: Floats | np.floating) -> Floats:
    with np.errstate(over="ignore"):  # beyond 709 nats a token it is infinite, and that is said
        return np.exp(nats)
