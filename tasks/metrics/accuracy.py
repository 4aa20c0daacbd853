"""Next-token accuracy over a split."""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric


class Accuracy(Metric):
    """Share of next tokens that the model ranks first; from 0 to 1."""

    name: Literal["accuracy"] = "accuracy"

    def per_document(self, evidence: Evidence) -> Floats:
        return evidence.means(evidence.hit)

    def value(self, evidence: Evidence) -> float:
        """Share over all tokens: every token weighs the same, not every document."""
        return float(evidence.hit.mean()) if evidence.hit.size else np.nan
