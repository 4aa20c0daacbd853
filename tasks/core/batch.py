"""What a model reads in one go: chunks of documents, and batches of chunks.

Shape letters: B rows, T tokens. Everything is already shifted: ``labels[t]`` is the token to be
predicted after reading ``ids[: t + 1]``, or IGNORE where it is not scored. Rows are padded on the
right only, so under a causal mask no scored token can see padding.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IGNORE = -100
Ids = NDArray[np.int64]

STRIDE = 32
"""Tokens between two widths of a batch: kernels are made and kept per shape, so few shapes are
quicker and smaller. The context of every architecture in use is a multiple of it."""


class Chunk(NamedTuple):
    """A stretch of one document, no longer than the model's context."""

    ids: Ids
    labels: Ids
    document: int
    """Position of the document in the split it came from."""

    other: "Chunk | None" = None
    """What could stand in its place, for a term that compares the two; never counted as scored."""

    @property
    def width(self) -> int:
        """How many tokens are read for it, the other's included."""
        return len(self.ids) + (self.other.width if self.other else 0)

    @property
    def scored(self) -> int:
        """How many of its tokens are scored."""
        return int((self.labels != IGNORE).sum())


class Batch(NamedTuple):
    """Token ids and the next token to predict at each of them."""

    input_ids_BT: "Tensor"
    labels_BT: "Tensor"
    other: "Batch | None" = None
    """What could stand in the place of each row, where chunks have another; of its own width."""

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return int((self.labels_BT != IGNORE).sum())

    def to(self, device: "torch.device | str") -> "Batch":
        """The same batch on another device."""
        other = self.other.to(device) if self.other else None
        return Batch(self.input_ids_BT.to(device), self.labels_BT.to(device), other)


def collate(chunks: Sequence[Chunk]) -> Batch:
    """One row per chunk, padded to a multiple of STRIDE with id 0, which is never scored."""
    import torch  # 4 s that a stage of curation, which knows chunks too, does not need

    longest = max(len(chunk.ids) for chunk in chunks)
    width = -(-longest // STRIDE) * STRIDE
    input_ids = torch.zeros(len(chunks), width, dtype=torch.long)
    labels = torch.full((len(chunks), width), IGNORE)
    for row, chunk in enumerate(chunks):
        input_ids[row, : len(chunk.ids)] = torch.from_numpy(chunk.ids)
        labels[row, : len(chunk.labels)] = torch.from_numpy(chunk.labels)
    others = [chunk.other for chunk in chunks if chunk.other]
    assert len(others) in (0, len(chunks)), "a term relabels every chunk of a split"
    return Batch(input_ids, labels, collate(others) if others else None)


def bucketed(chunks: Sequence[Chunk], max_tokens: int) -> Iterator[list[int]]:
    """Positions of ``chunks`` in groups of like length, each at most ``max_tokens`` with padding.

    A single chunk longer than ``max_tokens`` still makes a group of its own.
    """
    group: list[int] = []
    for position in sorted(range(len(chunks)), key=lambda at: chunks[at].width):
        if group and (len(group) + 1) * chunks[position].width > max_tokens:
            yield group
            group = []
        group.append(position)
    if group:
        yield group
