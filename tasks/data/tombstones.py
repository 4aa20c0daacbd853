"""Marks of documents that were erased: enough to know one again, too little to say what it was.

A mark holds the HMAC of the document's id, that of its text, and a MinHash of its word 5-grams
under permutations that are secret: without the key nobody can try ids or texts until one fits.

Of 256 values, two texts of Jaccard j agree on a binomial number, 256 j on average. A document is
refused from the number on that a text at the threshold misses once in 10^4: at j = 0.5 these are
99 values, which a text at 0.25 reaches once in 10^6 and one at 0.1 never in practice.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints

from tasks.core.errors import DataError
from tasks.core.variants import Section
from tasks.data.near_duplicates import shingles

PURPOSE = "tombstones"
"""Of the key that marks are made under, among the keys of a ledger."""

VALUES = 256
MISSED = 1e-4
"""Share of the texts at the threshold that pass, at most."""
BATCH = 4096  # 5-grams at once: 256 values of 8 bytes for each are 8 MB

Sketch = NDArray[np.uint32]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Mark(Section):
    """What is kept of one erased document."""

    id: Digest
    text: str = Field(pattern=r"^([0-9a-f]{64})?$", description="empty: the text was gone already")
    sketch: str = Field(
        pattern=rf"^([0-9a-f]{{{VALUES * 8}}})?$", description="empty where there are no words"
    )


class Tombstones(Section):
    """Every mark, sorted."""

    marks: tuple[Mark, ...] = ()

    def joined(self, marks: Iterable[Mark]) -> "Tombstones":
        """These and ``marks``, each once."""
        every = {(one.id, one.text, one.sketch): one for one in (*self.marks, *marks)}
        return Tombstones(marks=tuple(every[known] for known in sorted(every)))


def marked(doc_id: str, text: str, key: bytes) -> Mark:
    """The mark of a document; of its id alone where ``text`` is empty."""
    words = sketch(text, key)
    return Mark(
        id=_digest(key, "id", doc_id),
        text=_digest(key, "text", text) if text else "",
        sketch=words.astype("<u4").tobytes().hex() if len(words) else "",
    )


def recogniser(stones: Tombstones, key: bytes, jaccard: float) -> Callable[[str, str], bool]:
    """Whether a document, by its id and text, is one of the erased or a near-duplicate of one.

    Args:
        stones: The marks.
        key: Under which they were made.
        jaccard: Of word 5-grams; from here on two texts are near-duplicates.
    """
    ids = {mark.id for mark in stones.marks}
    texts = {mark.text for mark in stones.marks}
    held = [np.frombuffer(bytes.fromhex(mark.sketch), "<u4") for mark in stones.marks]
    known = np.array([one for one in held if len(one)], np.uint32).reshape(-1, VALUES)
    enough = cutoff(jaccard)

    def recognised(doc_id: str, text: str) -> bool:
        if _digest(key, "id", doc_id) in ids or _digest(key, "text", text) in texts:
            return True
        words = sketch(text, key)
        return bool(len(words)) and bool(((known == words).sum(axis=1) >= enough).any())

    return recognised


def cutoff(jaccard: float) -> int:
    """On how many of ``VALUES`` values two texts must agree to be taken for near-duplicates."""
    from scipy.stats import binom  # a second, where nothing was ever erased

    return int(binom.ppf(MISSED, VALUES, jaccard))


def sketch(text: str, key: bytes) -> Sketch:
    """``VALUES`` MinHash values of the word 5-grams; none where there is no word."""
    grams = shingles(text)
    if not len(grams):
        return np.empty(0, np.uint32)
    stream = hashlib.shake_256(b"tombstones" + key).digest(VALUES * 16)
    multipliers, offsets = np.frombuffer(stream, "<u8").reshape(2, VALUES)
    least = np.full(VALUES, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(grams), BATCH):
        mixed = grams[start : start + BATCH, None] * (multipliers | np.uint64(1)) + offsets
        np.minimum(least, mixed.min(axis=0), out=least)
    return (least >> np.uint64(32)).astype(np.uint32)


def read(path: Path) -> Tombstones:
    """The marks in a file; none where there is no file.

    Raises:
        DataError: it is no such file: without it what was erased would come back.
    """
    try:
        return Tombstones.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Tombstones()
    except ValueError:
        raise DataError(f"{path} holds no tombstones: put it back from a backup") from None


def write(stones: Tombstones, path: Path) -> None:
    """Put the marks in a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.scratch")
    with scratch.open("w") as file:
        file.write(stones.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)


def _digest(key: bytes, kind: str, said: str) -> str:
    message = f"{kind}\0{said}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()
