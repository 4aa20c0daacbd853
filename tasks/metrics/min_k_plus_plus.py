"""Min-K%++: how far below the model's own expectation the least likely tokens are.

Zhang et al. 2024, *Min-K%++: Improved Baseline for Detecting Pre-Training Data*, arXiv:2404.02936.
"""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Attack
from tasks.metrics.min_k import mean_of_lowest

# In nats squared, as MUSE and OpenUnlearning have it: where the model is certain, sigma is 0.
VARIANCE_FLOOR = 1e-6


class MinKPlusPlus(Attack):
    """Mean of the lowest fifth of (log p - mean) / sigma; in standard deviations."""

    name: Literal["min_k_plus_plus"] = "min_k_plus_plus"

    def per_document(self, evidence: Evidence) -> Floats:
        sigma = np.sqrt(np.maximum(evidence.variance, VARIANCE_FLOOR))
        standardised = (evidence.logp - evidence.mean) / sigma
        return np.array([mean_of_lowest(z, 20) for z in evidence.documents(standardised)])
