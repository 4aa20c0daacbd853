"""What is seen of a model on its way: small fixed samples, read before, between and after steps."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from tasks.core.batch import IGNORE, Batch, Chunk, bucketed, collate
from tasks.core.event import Split
from tasks.core.logprobs import next_logits, token_logps
from tasks.core.variants import Section
from tasks.data.stream import Stream

Floats = NDArray[np.float64]

WINDOW = 32
"""Scored tokens of a window, of which every one has a loss of its own: chunks are too few, and too
unlike in length, to compare one split with another."""

AT_ONCE = 4096
"""Tokens of whole documents in memory at once, padding included."""


class Probes(Section):
    """What is measured before, on the way and after, on fixed samples; not part of the cost."""

    splits: tuple[Split, ...] = ()
    tokens: int = Field(default=4096, ge=1, description="read of each split")
    every: int = Field(default=1, ge=1, description="optimiser steps")
    documents: bool = Field(
        default=False, description="also the loss of every forget document, read whole"
    )

    @property
    def reads(self) -> tuple[Split, ...]:
        """The splits that must be at hand."""
        return (*self.splits, "forget") if self.documents else self.splits


def sampled(whole: Sequence[Chunk], tokens: int) -> list[Batch]:
    """A fixed sample of about ``tokens`` scored tokens, as batches of like length."""
    drawn = Stream(whole, min(tokens, sum(chunk.scored for chunk in whole)), seed=0).step(0)
    return [collate([drawn[at] for at in group]) for group in bucketed(drawn, tokens)]


@torch.no_grad()
def probe(model: nn.Module, samples: Mapping[Split, Sequence[Batch]]) -> dict[str, float]:
    """What the samples say of the model, by name.

    ``<split>_nll`` is the mean loss in nats per token, ``<split>_gap`` the mean lead of the true
    token's logit over the best other one, in nats, and ``forget_auc``, where both samples are
    there, how often a window of forget text is likelier than one of approximate text: 0.5 where
    they look alike.
    """
    told: dict[str, float] = {}
    losses: dict[Split, list[Floats]] = {}
    for split, batches in samples.items():
        rows = [row for batch in batches for row in _read(model, batch)]
        losses[split] = [row.losses for row in rows]
        told[f"{split}_nll"] = float(np.concatenate(losses[split]).mean())
        told[f"{split}_gap"] = float(np.concatenate([row.leads for row in rows]).mean())
    if "forget" in losses and "approximate" in losses:
        told["forget_auc"] = likelier(windows(losses["forget"]), windows(losses["approximate"]))
    return told


@torch.no_grad()
def by_document(model: nn.Module, chunks: Sequence[Chunk]) -> dict[str, float]:
    """``document_<n>_nll``: the mean loss of each document in nats per token, in their order."""
    losses: list[list[Floats]] = [[] for _ in range(1 + max(chunk.document for chunk in chunks))]
    for group in bucketed(chunks, AT_ONCE):
        batch = collate([chunks[at] for at in group])
        for at, row in zip(group, _read(model, batch), strict=True):
            losses[chunks[at].document].append(row.losses)
    return {
        f"document_{at}_nll": float(np.concatenate(rows).mean()) if rows else math.nan
        for at, rows in enumerate(losses)
    }


def windows(rows: Sequence[Floats]) -> Floats:
    """Mean loss of every window of WINDOW tokens; what is left over at the end of a row is not."""
    whole = [row[: len(row) // WINDOW * WINDOW].reshape(-1, WINDOW).mean(1) for row in rows]
    return np.concatenate(whole)


def likelier(ours: Floats, others: Floats) -> float:
    """The share of pairs in which ours has the lower loss, ties counted half.

    NaN where there is no pair or a loss is not finite.
    """
    known = np.isfinite(ours).all() and np.isfinite(others).all()
    if not (known and ours.size and others.size):
        return math.nan
    lower = ours[:, None] < others[None, :]
    level = ours[:, None] == others[None, :]
    return float(lower.mean() + 0.5 * level.mean())


class Row(NamedTuple):
    """The scored tokens of a row, in nats: what each costs, and its lead over the best other."""

    losses: Floats
    leads: Floats


def _read(model: nn.Module, batch: Batch) -> Iterator[Row]:
    on = batch.to(next(model.parameters()).device)
    logits_BTV = next_logits(model, on).float()
    true_BT1 = on.labels_BT.clamp(min=0).unsqueeze(-1)
    true_BT = logits_BTV.gather(-1, true_BT1).squeeze(-1)
    lead_BT = true_BT - logits_BTV.scatter(-1, true_BT1, -math.inf).amax(-1)
    loss_BT = -token_logps(logits_BTV, on.labels_BT)
    for labels_T, *parts in zip(on.labels_BT, loss_BT, lead_BT, strict=True):
        losses, leads = (part[labels_T != IGNORE].double().cpu().numpy() for part in parts)
        yield Row(losses, leads)
