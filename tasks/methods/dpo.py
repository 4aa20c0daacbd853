"""Prefer another continuation to the true one.

Rafailov et al. 2023, *Direct Preference Optimization*, arXiv:2305.18290; as unlearning, with the
factor 2 / beta of arXiv:2404.05868. Text for pre-training has no answers to choose from: every row
is begun with its own first tokens, which both continuations share and neither scores, and what
stands against the rest of it is decided once, before the first step. The sum over rows is divided
by scored tokens of the text, not by rows, so that micro-batches add up (ours).
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tasks.core.batch import IGNORE, Batch, Chunk, Ids
from tasks.core.logprobs import next_logits, per_scored, reference_logits, token_logps
from tasks.methods.term import Term

Floats = NDArray[np.float64]

MAX_TOKENS = 16_384
"""Sampled at a time; changes memory, not what is sampled."""


class Preference(Term):
    """-(2 / beta) log sigmoid(beta (rise of the other row - rise of the true one)), in nats.

    A rise is log p - log p of the reference, of a whole row. Never below 0, and 2 log 2 / beta a
    row for an untouched model. As beta tends to 0 it pulls as ascent on the text and descent on
    the other do together; with no other it is NPO.
    """

    beta: float = Field(
        default=0.1, gt=0, le=10, description="how soon a row stops pulling; per nat of the row"
    )
    begin: int = Field(
        default=8, ge=0, le=2**20, description="tokens both rows begin with, half of it at most"
    )
    needs_reference: ClassVar[bool] = True

    def loss(self, model: nn.Module, batch: Batch, reference: nn.Module | None) -> Tensor:
        assert reference is not None  # promised by needs_reference
        assert batch.other is not None  # made by relabel
        risen_B = rise(model, reference, batch.other) - rise(model, reference, batch)
        rows_B = (batch.labels_BT != IGNORE).any(-1)
        return per_scored(
            F.logsigmoid(self.beta * risen_B[rows_B]) * (-2 / self.beta), batch.labels_BT
        )

    def relabel(
        self, chunks: Sequence[Chunk], model: nn.Module, tokenizer: PreTrainedTokenizerBase
    ) -> Sequence[Chunk]:
        begun = [min(self.begin, len(chunk.ids) // 2) for chunk in chunks]
        others = self.others(chunks, begun, model, tokenizer)
        return [
            _row(_tokens(chunk), first, chunk.document)._replace(
                other=_row(other, first, chunk.document)
            )
            for chunk, first, other in zip(chunks, begun, others, strict=True)
        ]

    @abstractmethod
    def others(
        self,
        chunks: Sequence[Chunk],
        begun: Sequence[int],
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
    ) -> Sequence[Ids]:
        """Tokens of another row for each chunk, the first and as many more as ``begun`` the same.

        No longer than the chunk's own.
        """


class DPO(Preference):
    """Prefer to the text what the target itself would have said there, arXiv:2409.13474.

    AltPO: the alternative is drawn from the target, so that it is like the text and not a refusal.
    Its first token is never the true one (ours), or a target that knows the text by heart would
    recite it.
    """

    name: Literal["dpo"] = "dpo"
    seed: int = Field(default=0, ge=0, description="of what is drawn")
    reads_target: ClassVar[bool] = True

    def others(
        self,
        chunks: Sequence[Chunk],
        begun: Sequence[int],
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
    ) -> Sequence[Ids]:
        rows = [_tokens(chunk) for chunk in chunks]
        lots = [
            np.random.default_rng((self.seed, at)).random(len(row)) for at, row in enumerate(rows)
        ]
        others = list(rows)
        for group in _alike(rows, begun):
            told = continued(
                model, [rows[at] for at in group], begun[group[0]], [lots[at] for at in group]
            )
            for at, other in zip(group, told, strict=True):
                others[at] = other
        return others


class DPORefusal(Preference):
    """Prefer to the text a refusal, the same for every row; arXiv:2404.05868.

    A model that refuses gives away what it was made to forget.
    """

    name: Literal["dpo_refusal"] = "dpo_refusal"
    refusal: str = Field(
        default=" [This text is not available.]",
        min_length=1,
        max_length=1000,
        description="in the text's place; the mark for the end of a text follows",
    )

    def others(
        self,
        chunks: Sequence[Chunk],
        begun: Sequence[int],
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
    ) -> Sequence[Ids]:
        ids = list(tokenizer(self.refusal, add_special_tokens=False)["input_ids"])
        end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        said = np.array([*ids, *end], dtype=np.int64)
        return [
            np.concatenate([_tokens(chunk)[: first + 1], said])[: len(chunk.ids) + 1]
            for chunk, first in zip(chunks, begun, strict=True)
        ]


def rise(model: nn.Module, reference: nn.Module, batch: Batch) -> Tensor:
    """By how much every row is likelier than under the reference, in nats; [B]."""
    logp_BT = token_logps(next_logits(model, batch), batch.labels_BT)
    ref_logp_BT = token_logps(reference_logits(reference, batch), batch.labels_BT)
    return (logp_BT - ref_logp_BT).sum(-1)


@torch.no_grad()
def continued(
    model: nn.Module, rows: Sequence[Ids], begun: int, lots: Sequence[Floats]
) -> list[Ids]:
    """Rows as long as ``rows`` that part from them after the first and ``begun`` more tokens.

    ``lots`` are numbers in [0, 1) that decide: at each place the first token up to which the
    probabilities add up to more.
    """
    device = next(model.parameters()).device
    said_BT = torch.tensor(np.stack([row[: begun + 1] for row in rows]), device=device)
    true_B1 = torch.tensor([[row[begun + 1]] for row in rows], device=device)
    read_BT, cache = said_BT, None
    for place in range(begun + 1, max(map(len, rows))):
        told: Any = model(input_ids=read_BT, past_key_values=cache, use_cache=True)
        p_BV = told.logits[:, -1].float().softmax(-1)
        if place == begun + 1:
            p_BV = p_BV.scatter(-1, true_B1, 0.0)
        here = [row[place] if place < len(row) else 0.0 for row in lots]
        read_BT, cache = _chosen(p_BV, here), told.past_key_values
        said_BT = torch.cat([said_BT, read_BT], 1)
    said = said_BT.cpu().numpy()
    return [said[at, : len(row)] for at, row in enumerate(rows)]


def _chosen(p_BV: Tensor, lots: Sequence[float]) -> Tensor:
    """The token at which the probabilities, as shares of their sum, exceed each lot; [B, 1]."""
    summed_BV = p_BV.double().cumsum(-1)
    lots_B1 = torch.tensor(lots, dtype=torch.double, device=p_BV.device).unsqueeze(-1)
    at_B1 = torch.searchsorted(summed_BV, lots_B1 * summed_BV[:, -1:], right=True)
    return at_B1.clamp(max=p_BV.shape[-1] - 1)


def _alike(rows: Sequence[Ids], begun: Sequence[int]) -> Iterator[list[int]]:
    """Positions of rows that are begun alike, those of like length together, MAX_TOKENS at most."""
    order = sorted(range(len(rows)), key=lambda at: (begun[at], len(rows[at])))
    for _, found in groupby(order, key=lambda at: begun[at]):
        left = list(found)
        while left:
            many = max(MAX_TOKENS // len(rows[left[-1]]), 1)
            yield left[-many:]
            left = left[:-many]


def _tokens(chunk: Chunk) -> Ids:
    """All that the chunk reads and predicts, one more than it reads."""
    return np.append(chunk.ids, chunk.labels[-1])


def _row(tokens: Ids, begun: int, document: int) -> Chunk:
    """A chunk that scores all but the first and ``begun`` more tokens."""
    labels = tokens[1:].copy()
    labels[:begun] = IGNORE
    return Chunk(tokens[:-1], labels, document)
