"""Raise or lower the likelihood of the text itself.

Yao et al. 2024, *Machine Unlearning of Pre-trained Large Language Models*, arXiv:2402.15159.
"""

from typing import Literal

from torch import Tensor, nn

from tasks.core.batch import Batch
from tasks.core.logprobs import mean_nll, next_logits
from tasks.methods.term import Term


class Descent(Term):
    """Plain language modelling: keep what the batch says."""

    name: Literal["descent"] = "descent"

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        return mean_nll(next_logits(model, batch), batch.labels_BT)


class Ascent(Term):
    """Gradient ascent: the same likelihood, pushed the other way. Unbounded below."""

    name: Literal["ascent"] = "ascent"

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        return -mean_nll(next_logits(model, batch), batch.labels_BT)
