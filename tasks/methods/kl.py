"""Stay close to the model from before unlearning.

Yao et al. 2024, *Machine Unlearning of Pre-trained Large Language Models*, arXiv:2402.15159
(gradient ascent with KL). This is the divergence itself, over scored tokens only; the paper's own
code computes the cross-entropy half of it and averages over padding too.
"""

from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from tasks.core.batch import IGNORE, Batch
from tasks.core.logprobs import next_logits, reference_logits
from tasks.methods.term import Term


def forward_kl(logits_BTV: Tensor, ref_logits_BTV: Tensor, labels_BT: Tensor) -> Tensor:
    """KL(reference || model) averaged over scored tokens; scalar, in nats.

    Is 0 where both agree and never below.
    """
    scored_BT = labels_BT != IGNORE
    logq_NV = F.log_softmax(logits_BTV[scored_BT].float(), -1)
    logp_NV = F.log_softmax(ref_logits_BTV[scored_BT].float(), -1)
    return F.kl_div(logq_NV, logp_NV, reduction="batchmean", log_target=True)


class KL(Term):
    """Match the reference distribution token by token."""

    name: Literal["kl"] = "kl"
    needs_reference: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        assert reference is not None  # promised by needs_reference
        return forward_kl(
            next_logits(model, batch), reference_logits(reference, batch), batch.labels_BT
        )
