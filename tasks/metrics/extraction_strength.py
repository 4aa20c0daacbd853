"""Extraction strength: how little of a document must be given for the rest to come out right.

Carlini et al. 2021, *Extracting Training Data from Large Language Models*, arXiv:2012.07805; in the
form of OpenUnlearning, arXiv:2506.12618.
"""

from typing import Literal

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric


class ExtractionStrength(Metric):
    """1 - k / N: after the first k of N tokens, all others are ranked first; from 0 to 1.

    1 where every token comes out right, 0 where the last does not. OpenUnlearning
    tries k up to N - 1 only, so a document whose last token is wrong still has 1 / N there.
    """

    name: Literal["extraction_strength"] = "extraction_strength"

    def per_document(self, evidence: Evidence) -> Floats:
        return np.array([_strength(hits) for hits in evidence.documents(evidence.hit)])


def _strength(hits: Floats) -> float:
    if not hits.size:
        return np.nan
    misses = np.flatnonzero(hits == 0)
    given = misses[-1] + 1 if misses.size else 0
    return float(1 - given / hits.size)
