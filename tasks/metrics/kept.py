"""What is kept of a forgotten text once it is erased: enough to know it again, too little to write
it.

Every run of five token ids has a keyed hash. One in sixteen is kept, chosen by the hash itself
(sampling by value: Manber 1994, *Finding similar files in a large file system*), unless the run
also stands in text that the model may know. Text that no model saw is sketched in the same way: it
shows how many hashes come by chance.

What this can find: a model that writes out a stretch of the text, about fifty tokens or longer.
What it cannot find: a paraphrase, a shorter stretch, a document too short to leave hashes (they are
counted), and text that comes only when its own beginning is given, for that is not kept.

Without the key nothing can be tried against the hashes; it never leaves the ledger. Whoever has the
key can confirm a text that they have, and guess single runs of five tokens. Fifteen of sixteen runs
left no trace, so that a text cannot be followed from one to the next.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tasks.core.event import Role
from tasks.core.variants import Section
from tasks.metrics import scores
from tasks.metrics.evidence import Evidence

KEPT = "kept.json"
GRAM = 5
SAMPLED = 16
"""One run in so many is kept."""
_MULTIPLIERS = np.random.default_rng(0).integers(2**63, size=GRAM, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)

Grams = NDArray[np.uint64]
"""Runs of five token ids as 64 bits each, sorted, each once."""


class Sketch(Section):
    """What is kept of one document."""

    document: str
    """Keyed hash of its id."""
    tokens: int
    hashes: tuple[str, ...]


class Kept(BaseModel):
    """What is kept of the documents of one event."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    key: str
    """Digest of the key: another key knows nothing again."""
    tokenizer: str
    """Digest of the tokenizer that the ids are of."""
    forgotten: tuple[Sketch, ...]
    never_seen: tuple[Sketch, ...]
    losses: dict[Role, dict[str, dict[str, float]]]
    """Of each model when the event was judged, by split; see ``spread``."""

    def unknowable(self, hits: int) -> int:
        """Forgotten documents that left fewer than ``hits`` hashes."""
        return sum(len(one.hashes) < hits for one in self.forgotten)


def grams(documents: Iterable[Sequence[int]]) -> Grams:
    """The runs of five of all ``documents``; shorter ones have none."""
    found = [
        np.lib.stride_tricks.sliding_window_view(np.asarray(ids, dtype=np.uint64), GRAM)
        @ _MULTIPLIERS
        for ids in documents
        if len(ids) >= GRAM
    ]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.uint64)


def hashed(runs: Grams, key: bytes) -> frozenset[str]:
    """Keyed hashes of those ``runs`` that fall into the sample."""
    digests = (
        hashlib.blake2b(int(run).to_bytes(8, "little"), key=key, digest_size=8).digest()
        for run in runs
    )
    return frozenset(digest.hex() for digest in digests if digest[0] % SAMPLED == 0)


def sketches(documents: Mapping[str, Sequence[int]], known: Grams, key: bytes) -> list[Sketch]:
    """Of each document, by id; runs that are among ``known`` are left out."""
    return [
        Sketch(
            document=hashlib.blake2b(doc_id.encode(), key=key, digest_size=16).hexdigest(),
            tokens=len(ids),
            hashes=tuple(sorted(hashed(np.setdiff1d(grams([ids]), known), key))),
        )
        for doc_id, ids in documents.items()
    ]


def repeated(said: Iterable[Sequence[int]], of: Sequence[Sketch], key: bytes) -> list[int]:
    """For each sketch, the most of its hashes that one continuation of ``said`` holds."""
    where = defaultdict[str, list[int]](list)
    for at, sketch in enumerate(of):
        for one in sketch.hashes:
            where[one].append(at)
    most = [0] * len(of)
    for ids in said:
        found = Counter(at for one in hashed(grams([ids]), key) for at in where.get(one, ()))
        for at, count in found.items():
            most[at] = max(most[at], count)
    return most


def key_digest(key: bytes) -> str:
    """What tells one key from another, and gives none away."""
    return hashlib.sha256(key).hexdigest()


def spread(evidence: Evidence) -> dict[str, float]:
    """Mean and deviation of the documents' mean losses, in nats per token; NaN of none."""
    losses = -evidence.means(evidence.logp)
    scored = losses[~np.isnan(losses)]
    mean, deviation = (scored.mean(), scored.std()) if scored.size else (np.nan, np.nan)
    return {"documents": float(scored.size), "mean": float(mean), "deviation": float(deviation)}


def write(kept: Kept, path: Path) -> None:
    """As JSON."""
    scores.write(kept.model_dump(mode="python"), path)


def read(path: Path) -> Kept:
    """What ``write`` wrote."""
    return Kept.model_validate(scores.read(path))
