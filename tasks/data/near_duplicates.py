"""Which texts are near-duplicates: word 5-grams, MinHash, banding, then the exact Jaccard.

Broder 1997, *On the resemblance and containment of documents*; banding as in Leskovec, Rajaraman,
Ullman, *Mining of Massive Datasets*, chapter 3. MinHash values come from datasketch.

Two texts of Jaccard j agree on a band of r values with probability j^r, so they are proposed by one
of b bands with 1 - (1 - j^r)^b. With r = 3 and b = 42 that is 0.996 at j = 0.5, 0.48 at 0.25 and
0.04 at 0.1. Whatever is proposed is verified, so what is wrong can only be missing.
"""

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Shingles = NDArray[np.uint64]
"""Sorted, each once; 64-bit hashes, so two of 10^8 shingles collide with probability 3e-4."""
Positions = NDArray[np.int64]

WORDS = 5
ROWS = 3
MIN_BANDS = 42
MISSED = 0.004
"""Share of the pairs at the threshold that no band proposes, at most."""
SEED = 1
BATCH = 65_536  # shingles: 126 values of 4 bytes for each are 33 MB
VOCABULARY = 2**20
FAMILY = 400
"""A text is crowded if it agrees with this many others, each on one band or more.

Those that are not are compared all with all. A crowded one is compared, in each band, with the
CLOSEST of the REACH after it, so that each bucket, and with it a family, stays in one piece.
"""
REACH = 64
CLOSEST = 5
_MULTIPLIERS = np.random.default_rng(SEED).integers(2**63, size=WORDS, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)


class Pairs(NamedTuple):
    """Positions in the sequence of texts, ``first < second``, sorted, with their Jaccard."""

    first: Positions
    second: Positions
    jaccard: NDArray[np.float64]

    def between(self, low: float, high: float) -> "Pairs":
        """Those with low <= jaccard < high."""
        chosen = (self.jaccard >= low) & (self.jaccard < high)
        return Pairs(self.first[chosen], self.second[chosen], self.jaccard[chosen])


class _Vocabulary(dict[str, int]):
    """Word to 64 random bits, the same in every process."""

    def __missing__(self, word: str) -> int:
        if len(self) >= VOCABULARY:
            self.clear()
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value


_vocabulary = _Vocabulary()


def shingles(text: str) -> Shingles:
    """The word 5-grams of ``text``; fewer than five words are one shingle, none are none."""
    words = re.findall(r"\w+", text.lower())
    hashes = np.fromiter(map(_vocabulary.__getitem__, words), np.uint64, len(words))
    width = min(len(words), WORDS)
    if not width:
        return hashes
    grams = np.zeros(len(words) - width + 1, np.uint64)
    for offset in range(width):
        grams += hashes[offset : offset + len(grams)] * _MULTIPLIERS[offset]
    return np.unique(grams)


def jaccard(a: Set[int], b: Set[int]) -> float:
    """|a and b| / |a or b|; 0 where both are empty."""
    both = len(a & b)
    either = len(a) + len(b) - both
    return both / either if either else 0.0


def bands(threshold: float) -> int:
    """How many bands propose all but ``MISSED`` of the pairs with Jaccard ``threshold``."""
    agree = threshold**ROWS
    enough = math.ceil(math.log(MISSED) / math.log1p(-agree)) if agree < 1 else 1
    return max(MIN_BANDS, enough)


def near_duplicates(sets: Sequence[Shingles], threshold: float, nearby: float) -> Pairs:
    """Nearly all pairs with Jaccard >= ``threshold``, and what was proposed of those >= ``nearby``.

    Args:
        sets: Shingles of each text, no two texts equal.
        threshold: All but ``MISSED`` of the pairs from here on are found.
        nearby: Pairs below this are not kept.
    """
    first, second = _candidates(_signatures(sets, bands(threshold) * ROWS))
    members = {at: frozenset(sets[at].tolist()) for at in {*first.tolist(), *second.tolist()}}
    values = [
        jaccard(members[a], members[b])
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return Pairs(first, second, np.array(values, np.float64)).between(nearby, math.inf)


def clusters(count: int, first: Positions, second: Positions) -> Positions:
    """For each of ``count`` positions the smallest position connected to it."""
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, smallest = np.unique(label, return_index=True)
    members: Positions = smallest[label]
    return members


def _signatures(sets: Sequence[Shingles], values: int) -> NDArray[np.uint32]:
    """A row of MinHash values per set."""
    import datasketch  # 2 s, for it loads clients of three databases

    empty = datasketch.MinHash(values, seed=SEED, hashfunc=int, scheme="affine32")
    result = np.empty((len(sets), values), np.uint32)
    for row, grams in enumerate(sets):
        sketch = empty.copy()
        for start in range(0, len(grams), BATCH):
            sketch.update_batch((grams[start : start + BATCH] >> np.uint64(32)).tolist())
        result[row] = sketch.hashvalues
    return result


def _candidates(signatures: NDArray[np.uint32]) -> tuple[Positions, Positions]:
    """Pairs of rows that agree on a band, each once, sorted: all of them unless a row is crowded.

    At most rows * (FAMILY / 2 + CLOSEST * bands), in work and memory linear in the rows.
    """
    count, values = signatures.shape
    keys = [_keys(signatures[:, start : start + ROWS]) for start in range(0, values, ROWS)]
    pairs, crowded = _all_with_all(keys)
    found = [pairs]
    sketches = signatures.astype(np.uint8).T  # different values look the same once in 256
    for band, following in itertools.pairwise([*keys, keys[0]]):
        rows = np.flatnonzero(np.isin(band, band[crowded]))
        # Within a bucket by the next band, so that other texts are neighbours in every band.
        rows = rows[np.lexsort((following[rows], band[rows]))]
        found.append(_closest(band, rows, sketches[:, rows]))
    return np.divmod(np.unique(np.concatenate(found)), count)


def _keys(band: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One number per row, which sorts faster than three."""
    keys: NDArray[np.uint64] = (band * _MULTIPLIERS[:ROWS]).sum(axis=1)
    return keys


def _all_with_all(keys: Sequence[NDArray[np.uint64]]) -> tuple[Positions, NDArray[np.bool_]]:
    """Pairs of rows that agree on a band, but for the crowded; and which rows are crowded.

    A row is dropped as soon as it is, so no more than rows * FAMILY pairs are held.
    """
    count = len(keys[0])
    pairs, crowded = np.empty(0, np.int64), np.zeros(count, bool)
    for band in keys:
        _, bucket, sizes = np.unique(band, return_inverse=True, return_counts=True)
        crowded |= sizes[bucket] > FAMILY
        rows = np.flatnonzero((sizes[bucket] > 1) & ~crowded)
        rows = rows[np.argsort(bucket[rows], kind="stable")]
        pairs = np.unique(np.concatenate([pairs, *_agreeing(band, rows)]))
        first, second = np.divmod(pairs, count)
        crowded |= np.bincount(np.concatenate([first, second]), minlength=count) >= FAMILY
        pairs = pairs[~(crowded[first] | crowded[second])]
    return pairs, crowded


def _agreeing(band: NDArray[np.uint64], rows: Positions) -> Iterator[Positions]:
    """Pairs of ``rows`` with the same key, by which they are sorted."""
    key = band[rows]
    for step in range(1, len(rows)):
        same = key[step:] == key[:-step]
        if not same.any():
            break
        yield _paired(rows[:-step][same], rows[step:][same], len(band))


def _closest(band: NDArray[np.uint64], rows: Positions, sketches: NDArray[np.uint8]) -> Positions:
    """Each of ``rows`` with the ``CLOSEST`` of the ``REACH`` after it with its key."""
    key = band[rows]
    alike = np.zeros((REACH, len(rows)), np.uint16)
    for step in range(1, REACH + 1):
        agree = (sketches[:, step:] == sketches[:, :-step]).sum(axis=0, dtype=np.uint16)
        alike[step - 1, :-step] = agree * (key[step:] == key[:-step])
    steps = np.argpartition(alike, -CLOSEST, axis=0)[-CLOSEST:]
    chosen, at = np.nonzero(np.take_along_axis(alike, steps, axis=0))
    return _paired(rows[at], rows[at + steps[chosen, at] + 1], len(band))


def _paired(a: Positions, b: Positions, count: int) -> Positions:
    """One number per pair: ``smaller * count + larger``."""
    return np.minimum(a, b) * count + np.maximum(a, b)
