"""Which texts are near-duplicates: word 5-grams, MinHash, banding, then the exact Jaccard.

Broder 1997, *On the resemblance and containment of documents*; banding as in Leskovec, Rajaraman,
Ullman, *Mining of Massive Datasets*, chapter 3. MinHash values come from datasketch.

Two texts of Jaccard j agree on a band of r values with probability j^r, so they are proposed by one
of b bands with 1 - (1 - j^r)^b. With r = 3 and b = 42 that is 0.996 at j = 0.5, 0.48 at 0.25 and
0.04 at 0.1. Whatever is proposed is verified, so what is wrong can only be missing.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

import datasketch
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
# A bucket of up to FAMILY texts is compared all with all, a larger one in a window that shrinks
# with the square of its size, down to WINDOW: the work stays linear, and the texts of a family
# still end in one cluster.
FAMILY = 400
WINDOW = 8
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
    empty = datasketch.MinHash(values, seed=SEED, hashfunc=int, scheme="affine32")
    result = np.empty((len(sets), values), np.uint32)
    for row, grams in enumerate(sets):
        sketch = empty.copy()
        for start in range(0, len(grams), BATCH):
            sketch.update_batch((grams[start : start + BATCH] >> np.uint64(32)).tolist())
        result[row] = sketch.hashvalues
    return result


def _candidates(signatures: NDArray[np.uint32]) -> tuple[Positions, Positions]:
    """Each pair of rows that agree on a band, once, sorted."""
    count = len(signatures)
    pairs = np.empty(0, np.int64)
    for start in range(0, signatures.shape[1], ROWS):
        found = list(_agreeing(signatures[:, start : start + ROWS]))
        pairs = np.unique(np.concatenate([pairs, *found]))
    return pairs // count, pairs % count


def _agreeing(band: NDArray[np.uint32]) -> Iterator[Positions]:
    """Pairs of rows with the same values, as ``smaller * rows + larger``."""
    count = len(band)
    keys = (band * _MULTIPLIERS[:ROWS]).sum(axis=1)  # one number sorts faster than three
    _, bucket, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(bucket, kind="stable")
    bucket = bucket[order]
    reach = np.maximum(FAMILY**3 // sizes**2, WINDOW)[bucket]
    for step in range(1, int(sizes.max(initial=1))):
        same = (bucket[step:] == bucket[:-step]) & (reach[step:] >= step)
        if not same.any():
            break
        yield order[:-step][same] * count + order[step:][same]
