"""Step: what is kept of the forgotten documents for the time when their text is erased."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from prefect import task
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks import ledger
from tasks.core.event import Role, Split
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.metrics import evidence as told
from tasks.metrics.kept import KEPT, Grams, Kept, grams, key_digest, sketches, spread, write
from tasks.registry import tokenizer_digest
from tasks.training.model import load_tokenizer

ROOMS = ("sketch", "metrics/kept", "training/model")
PURPOSE = "kept"
"""Of the ledger's key."""
AT_ONCE = 256
"""Documents tokenised in one go."""
JUDGED: tuple[Split, ...] = ("forget", "approximate")
STAYS: tuple[Split, ...] = ("retain", "general", "test")


class Sketched(Section):
    """What the hashes depend on beside the documents and the tokenizer."""

    key: str
    """Digest of the key."""


@task
def sketch(data: Record, model: Record, evidence: Mapping[Role, Record]) -> Record:
    """Keyed hashes of the forgotten documents, and how every model found them when it was judged.

    ``model`` lends its tokenizer, which every model of an event shares.
    """
    key = ledger.key(PURPOSE)
    identity = Identity(
        kind="kept",
        config=Sketched(key=key_digest(key)),
        inputs=(data, model, *evidence.values()),
        rooms=ROOMS,
    )
    return keep(identity, lambda scratch: _sketched(data, model, evidence, key, scratch))


def _sketched(
    data: Record, model: Record, evidence: Mapping[Role, Record], key: bytes, out: Path
) -> None:
    tokenizer = load_tokenizer(model.path)
    forgotten, never_seen = (_documents(data, split, tokenizer) for split in JUDGED)
    runs = {"forget": grams(forgotten.values()), "approximate": grams(never_seen.values())}
    common = _common(data, tokenizer, np.union1d(*runs.values()))
    kept = Kept(
        key=key_digest(key),
        tokenizer=tokenizer_digest(model.path),
        forgotten=tuple(sketches(forgotten, np.union1d(common, runs["approximate"]), key)),
        never_seen=tuple(sketches(never_seen, np.union1d(common, runs["forget"]), key)),
        losses={
            role: {split: spread(told.read(record.path / f"{split}.parquet")) for split in JUDGED}
            for role, record in evidence.items()
        },
    )
    write(kept, out / KEPT)


def _common(data: Record, tokenizer: Tokenizer, runs: Grams) -> Grams:
    """Those of ``runs`` that also stand in text that stays."""
    found = [
        np.intersect1d(grams(some), runs)
        for split in STAYS
        for some in _encoded(_texts(data, split), tokenizer)
    ]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.uint64)


def _documents(data: Record, split: Split, tokenizer: Tokenizer) -> dict[str, list[int]]:
    texts = _texts(data, split)
    encoded = [ids for some in _encoded(texts, tokenizer) for ids in some]
    return dict(zip(texts, encoded, strict=True))


def _texts(data: Record, split: Split) -> dict[str, str]:
    """Text by id."""
    table = pq.read_table(data.path / f"{split}.parquet", columns=["doc_id", "text"])
    return dict(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def _encoded(texts: Mapping[str, str], tokenizer: Tokenizer) -> Iterator[list[list[int]]]:
    """Token ids of some documents after the others, without special tokens."""
    all_texts = list(texts.values())
    for at in range(0, len(all_texts), AT_ONCE):
        yield tokenizer(
            all_texts[at : at + AT_ONCE],
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )["input_ids"]
