"""Next-token accuracy over a split."""

from typing import Literal

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric, Parts


class Accuracy(Metric):
    """Share of next tokens that the model ranks first; from 0 to 1."""

    name: Literal["accuracy"] = "accuracy"

    def per_document(self, evidence: Evidence) -> Floats:
        return evidence.means(evidence.hit)

    def parts(self, evidence: Evidence) -> Parts:
        """Hits over tokens: every token weighs the same, not every document."""
        return Parts(*evidence.sums(evidence.hit))
