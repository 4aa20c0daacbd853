"""An endless shuffled reading of a split, cut into steps of exactly so many tokens.

The step of a number is a function of that number and the seed alone, so a sampler has no state to
save: a run resumed at step 41 reads what an uninterrupted one would have read.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from tasks.core.batch import IGNORE, Chunk, Ids


class Stream:
    """Chunks in a new order every epoch; each token is scored once an epoch.

    A chunk that the end of a step cuts is read in both steps, each scoring its part of it.
    """

    def __init__(self, chunks: Sequence[Chunk], tokens_per_step: int, seed: int) -> None:
        self.chunks = [chunk for chunk in chunks if chunk.scored]
        self.tokens_per_step = tokens_per_step
        self.seed = seed
        self._lengths = np.array([chunk.scored for chunk in self.chunks], dtype=np.int64)
        self.tokens_per_epoch = int(self._lengths.sum())
        assert self.tokens_per_epoch, "an empty split is refused before it gets here"
        self.read_per_scored = sum(chunk.width for chunk in self.chunks) / self.tokens_per_epoch
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def step(self, number: int) -> list[Chunk]:
        """The chunks of step ``number`` (from 0), ``tokens_per_step`` scored tokens in all."""
        start = number * self.tokens_per_step
        stop = start + self.tokens_per_step
        first, last = start // self.tokens_per_epoch, (stop - 1) // self.tokens_per_epoch
        return [
            chunk
            for epoch in range(first, last + 1)
            for chunk in self._between(
                epoch,
                max(start - epoch * self.tokens_per_epoch, 0),
                min(stop - epoch * self.tokens_per_epoch, self.tokens_per_epoch),
            )
        ]

    def _between(self, epoch: int, start: int, stop: int) -> Iterator[Chunk]:
        order, ends = self._order(epoch)
        first, last = np.searchsorted(ends, [start, stop - 1], side="right")
        for place in range(first, last + 1):
            at = order[place]
            begins = ends[place] - self._lengths[at]
            yield _score_only(
                self.chunks[at], max(start - begins, 0), min(stop - begins, self._lengths[at])
            )

    def _shuffled(self, epoch: int) -> tuple[Ids, Ids]:
        """Positions of chunks in the order of ``epoch``, and where each ends, in scored tokens."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.chunks))
        return order, np.cumsum(self._lengths[order])


def _score_only(chunk: Chunk, start: int, stop: int) -> Chunk:
    """``chunk`` with only its scored tokens ``start`` to ``stop`` still scored, cut after them.

    What stands beside it is cut likewise; where that is shorter, later parts have none of it.
    """
    if start == 0 and stop >= chunk.scored:
        return chunk
    scored = np.flatnonzero(chunk.labels != IGNORE)[start:stop]
    end = scored[-1] + 1 if scored.size else 1
    labels = np.full(end, IGNORE, dtype=np.int64)
    labels[scored] = chunk.labels[scored]
    other = chunk.other and _score_only(chunk.other, start, stop)
    return chunk._replace(ids=chunk.ids[:end], labels=labels, other=other)
