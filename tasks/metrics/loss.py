"""The loss attack: text that was trained on is likelier.

Yeom et al. 2018, *Privacy Risk in Machine Learning*, arXiv:1709.01604.
"""

from typing import Literal

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Attack


class Loss(Attack):
    """Mean log-probability per token, in nats; at most 0."""

    name: Literal["loss"] = "loss"

    def per_document(self, evidence: Evidence) -> Floats:
        return evidence.means(evidence.logp)
