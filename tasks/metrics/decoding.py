"""Continuations of a model, token after token, many documents at once.

Shape letters: B rows, V vocabulary. Rows of a batch have prompts of equal length, so nothing is
padded, and what is drawn for a row comes with the row: no result depends on its batch. Settings of
a checkpoint that would bend the choice (temperature, penalties) are not read.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.metrics.evidence import Floats

GREEDY: Floats = np.empty(0)
"""Chances of a row that always takes the likeliest token."""


class Opening(NamedTuple):
    """A prompt to go on from."""

    ids: Sequence[int]
    limit: int
    """New tokens, at most."""

    chances: Floats
    """GREEDY, or uniform draws from [0, 1), one a new token."""


@torch.inference_mode()
def continued(
    model: nn.Module,
    openings: Sequence[Opening],
    end: int | None,
    max_batch_tokens: int,
    temperature: float = 1.0,
) -> list[list[int]]:
    """The new tokens of every opening, up to its limit or to the ``end`` token, which is left out.

    All openings are greedy or all are drawn, from the whole distribution at ``temperature``.
    """
    found: list[list[int]] = [[] for _ in openings]
    for group in _alike(openings, max_batch_tokens):
        rows = [openings[at] for at in group]
        for at, ids in zip(group, _decode(model, rows, end, temperature), strict=True):
            limited = ids[: openings[at].limit]
            found[at] = limited[: limited.index(end)] if end in limited else limited
    return found


def chosen(logits_BV: Tensor, chances_B: Tensor, temperature: float) -> Tensor:
    """The likeliest token of each row or, where there are chances, the one they fall on; [B].

    Tokens have their shares of [0, 1) in the order of their ids.
    """
    if not chances_B.numel():
        return logits_BV.argmax(-1)
    shares_BV = (logits_BV.double() / temperature).softmax(-1).cumsum(-1)
    falls_B1 = chances_B.unsqueeze(-1) * shares_BV[:, -1:]
    tokens_B = torch.searchsorted(shares_BV, falls_B1, right=True).squeeze(-1)
    return tokens_B.clamp(max=logits_BV.shape[-1] - 1)  # of a broken model all shares are NaN


def _decode(
    model: nn.Module, rows: Sequence[Opening], end: int | None, temperature: float
) -> list[list[int]]:
    device = next(model.parameters()).device
    limits_B = torch.tensor([row.limit for row in rows], device=device)
    ids_BT = torch.tensor([[*row.ids] for row in rows], device=device)
    chances_BT = torch.from_numpy(_padded([row.chances for row in rows])).to(device)
    ended_B = torch.zeros(len(rows), dtype=torch.bool, device=device)
    new, cache = [], None
    for step in range(int(limits_B.max())):
        out = model(input_ids=ids_BT, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        token_B = chosen(out.logits[:, -1], chances_BT[:, step : step + 1].flatten(), temperature)
        new.append(token_B)
        ended_B |= limits_B <= step + 1
        if end is not None:
            ended_B |= token_B == end
        if ended_B.all():
            break
        ids_BT = token_B.unsqueeze(-1)
    return torch.stack(new, -1).tolist() if new else [[] for _ in rows]


def _padded(rows: Sequence[Floats]) -> NDArray[np.float64]:
    """Rows filled with 0 to the longest; what is drawn beyond a row's limit is cut off."""
    padded = np.zeros((len(rows), max(row.size for row in rows)))
    for at, row in enumerate(rows):
        padded[at, : row.size] = row
    return padded


def _alike(openings: Sequence[Opening], max_batch_tokens: int) -> Iterator[list[int]]:
    """Positions in groups of equal prompts' lengths, each within ``max_batch_tokens`` at its end.

    An opening that is longer alone still makes a group of its own; one without room makes none.
    """

    def length(at: int) -> int:
        return len(openings[at].ids)

    some = [at for at, opening in enumerate(openings) if opening.limit > 0]
    for _, alike in groupby(sorted(some, key=length), length):
        group: list[int] = []
        for at in sorted(alike, key=lambda at: openings[at].limit):
            if group and (len(group) + 1) * (length(at) + openings[at].limit) > max_batch_tokens:
                yield group
                group = []
            group.append(at)
        yield group
