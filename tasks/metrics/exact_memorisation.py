"""Exact memorisation: how much of a document comes out right when each true prefix is given.

Tirumala et al. 2022, *Memorization Without Overfitting*, arXiv:2205.10770; as used by
OpenUnlearning, arXiv:2506.12618.
"""

from typing import Literal

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Metric


class ExactMemorisation(Metric):
    """Share of a document's tokens that the model ranks first; lower is better forgotten.

    Per document it is the accuracy. Over a split every document weighs the same: one long document
    cannot hide many short ones that are still known.
    """

    name: Literal["exact_memorisation"] = "exact_memorisation"

    def per_document(self, evidence: Evidence) -> Floats:
        return evidence.means(evidence.hit)
