"""Descend on labels that are not the text's own, drawn once before the first step.

Yao et al. 2024, *Machine Unlearning of Pre-trained Large Language Models*, arXiv:2402.15159.
The inputs stay as they are; only what is to be predicted changes.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.core.batch import IGNORE, Chunk, Ids, bucketed, collate
from tasks.core.logprobs import reference_logits
from tasks.methods.likelihood import Descent

MAX_TOKENS = 2048
"""Tokens read at a time, padding included; changes memory, not labels."""


class RandomLabel(Descent):
    """Predict a token drawn uniformly from the vocabulary; tends to the uniform distribution."""

    name: Literal["random_label"] = "random_label"  # type: ignore[assignment]
    seed: int = Field(default=0, ge=0, description="of the labels")

    def relabel(
        self, chunks: Sequence[Chunk], model: nn.Module, tokenizer: PreTrainedTokenizerBase
    ) -> Sequence[Chunk]:
        rng = np.random.default_rng(self.seed)
        vocab = int(model.config.vocab_size)  # type: ignore[union-attr, arg-type]
        return [
            chunk._replace(labels=_scored(chunk, rng.integers(vocab, size=len(chunk.labels))))
            for chunk in chunks
        ]


class AdversarialLabel(Descent):
    """Predict what the target thinks likeliest, the true next token left out."""

    name: Literal["adversarial_label"] = "adversarial_label"  # type: ignore[assignment]
    reads_target: ClassVar[bool] = True

    def relabel(
        self, chunks: Sequence[Chunk], model: nn.Module, tokenizer: PreTrainedTokenizerBase
    ) -> Sequence[Chunk]:
        relabelled = list(chunks)
        device = next(model.parameters()).device
        for group in bucketed(chunks, MAX_TOKENS):
            batch = collate([chunks[at] for at in group]).to(device)
            wrong_BT = (
                likeliest_other(reference_logits(model, batch), batch.labels_BT).cpu().numpy()
            )
            for row, at in enumerate(group):
                labels = wrong_BT[row, : len(chunks[at].labels)]
                relabelled[at] = chunks[at]._replace(labels=_scored(chunks[at], labels))
        return relabelled


def likeliest_other(logits_BTV: Tensor, labels_BT: Tensor) -> Tensor:
    """The likeliest next token that is not the label; [B, T]."""
    true_BT1 = labels_BT.clamp(min=0).unsqueeze(-1)
    return logits_BTV.scatter(-1, true_BT1, -torch.inf).argmax(-1)


def _scored(chunk: Chunk, labels: Ids) -> Ids:
    return np.where(chunk.labels == IGNORE, IGNORE, labels)
