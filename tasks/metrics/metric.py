"""What every measure looks like: numbers in, number out, no model in sight."""

from abc import abstractmethod

import numpy as np

from tasks.core.variants import Variant
from tasks.metrics.evidence import Evidence, Floats


class Measure(Variant):
    """One published number per document, computed from evidence."""

    @abstractmethod
    def per_document(self, evidence: Evidence) -> Floats:
        """One value per document, NaN where none of its tokens is scored; [documents]."""


class Metric(Measure):
    """How well a model knows a split."""

    def value(self, evidence: Evidence) -> float:
        """The split's value: the mean over documents with a scored token, NaN without any."""
        values = self.per_document(evidence)[evidence.lengths > 0]
        return float(values.mean()) if values.size else np.nan


class Attack(Measure):
    """A membership score: the higher, the more the document looks like one that was trained on."""
