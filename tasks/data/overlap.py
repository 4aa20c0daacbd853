"""How much of a text stands word for word in others, by word 13-grams.

Thirteen words is the length from which Brown et al. 2020, *Language Models are Few-Shot Learners*,
arXiv:2005.14165, appendix C, took agreement for more than chance.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

WORDS = 13
_MULTIPLIERS = np.random.default_rng(WORDS).integers(
    2**63, size=WORDS, dtype=np.uint64
) * np.uint64(2) + np.uint64(1)


def grams(text: str) -> Hashes:
    """A hash of every 13 words in a row, in order; none with fewer. Case and punctuation go.

    64 bits: that any of a million grams agrees by accident with any of 10^8 has probability 5e-6.
    """
    words = re.findall(r"\w+", text.lower())
    hashes = np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)
    count = max(len(words) - WORDS + 1, 0)
    result = np.zeros(count, np.uint64)
    for offset in range(WORDS):
        result += hashes[offset : offset + count] * _MULTIPLIERS[offset]
    return result


def occurring(documents: Sequence[Hashes], others: Iterable[Hashes]) -> NDArray[np.int64]:
    """How many of the grams of each document, repetitions counted, occur in any of ``others``.

    Of ``others`` one is held at a time.
    """
    known = np.unique(np.concatenate([np.empty(0, np.uint64), *documents]))
    found = np.zeros(len(known), dtype=bool)
    for other in others:
        found[_positions(known, other)] = True
    return np.array([found[_positions(known, one)].sum() for one in documents], dtype=np.int64)


def _positions(known: Hashes, some: Hashes) -> NDArray[np.int64]:
    """Where in the sorted ``known`` those of ``some`` are that occur in it."""
    if not len(known):
        return np.empty(0, np.int64)
    at = np.searchsorted(known, some)
    at[at == len(known)] = 0
    there: NDArray[np.int64] = at[known[at] == some]
    return there
