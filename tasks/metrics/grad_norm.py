"""The gradient attack: text that was trained on has little left to change in the weights.

Wang et al. 2024, *Pandora's White-Box*, arXiv:2402.17012. It needs the weights themselves, which
whoever holds an open model has.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import nn

from tasks.core.batch import Chunk, collate
from tasks.core.errors import ConfigError
from tasks.core.logprobs import next_logits, token_logps
from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Attack


class GradNorm(Attack):
    """Minus the mean norm of the loss's gradient over the tensors of weights; at most 0."""

    name: Literal["grad_norm"] = "grad_norm"

    def per_document(self, evidence: Evidence) -> Floats:
        """NaN for a document whose gradient was not taken.

        Raises:
            ConfigError: no gradient was taken at all.
        """
        if evidence.grad_norm is None:
            raise ConfigError(
                "attack.attacks: grad_norm needs gradients, and evaluate.gradients is 0: raise "
                "that, or leave the attack out"
            )
        return -evidence.grad_norm


def gradient_norms(
    model: nn.Module,
    chunks: Iterable[Chunk],
    chosen: Iterable[int],
    documents: int,
    *,
    bfloat16: bool,
) -> Floats:
    """1 / P sum over the P tensors of weights of ||d loss / d w||_2, of the ``chosen`` documents.

    The loss is the document's mean over its scored tokens, all its chunks together; the model is
    as it was given, which must be with dropout off (OpenUnlearning leaves it on). NaN for other
    documents and for those without a scored token; [documents]. Takes memory for one gradient.
    """
    norms = np.full(documents, np.nan)
    parts: dict[int, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        parts[chunk.document].append(chunk)
    for at in chosen:
        if pieces := [piece for piece in parts[at] if piece.scored]:
            norms[at] = _norm(model, pieces, bfloat16)
    return norms


def _norm(model: nn.Module, pieces: Sequence[Chunk], bfloat16: bool) -> float:
    weights = list(model.parameters())
    device, tokens = weights[0].device, sum(piece.scored for piece in pieces)
    for piece in pieces:
        batch = collate([piece]).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits_BTV = next_logits(model, batch)
        (-token_logps(logits_BTV, batch.labels_BT).sum() / tokens).backward()
    norms = [weight.grad.float().norm() for weight in weights if weight.grad is not None]
    model.zero_grad(set_to_none=True)
    return float(torch.stack(norms).sum() / len(weights))
