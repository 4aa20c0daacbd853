import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.metrics import evidence, kept
from tasks.metrics.evidence import Evidence
from tasks.metrics.kept import KEPT
from tasks.sketch import sketch

LEVELS = {"forget": 2.0, "approximate": 3.0}
"""Nats per token."""


def told(level):
    """Two documents of three tokens each."""
    logp, sizes = np.full(6, -level, dtype=np.float32), np.array([9, 9])
    return Evidence(("a", "b"), np.array([0, 3, 6]), logp, logp > 0, logp, logp, sizes, sizes)


def letters(seed, size=400):
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=size))


@pytest.fixture
def sketched(tmp_path, checkpoint):
    """The record of some splits, given by name: texts."""

    def make(**texts):
        data, seen = tmp_path / "data", tmp_path / "evidence"
        for folder in (data, seen):
            folder.mkdir(exist_ok=True)
        for split in SPLITS:
            rows = [
                {"doc_id": f"{split}:{at}", "text": one}
                for at, one in enumerate(texts.get(split, [letters(split)]))
            ]
            pq.write_table(pa.Table.from_pylist(rows), data / f"{split}.parquet")
        for split, level in LEVELS.items():
            evidence.write(told(level), seen / f"{split}.parquet")
        return sketch.fn(
            Record(kind="splits", fingerprint="d0", path=data),
            Record(kind="model", fingerprint="m0", path=checkpoint),
            {"target": Record(kind="evidence", fingerprint="e0", path=seen)},
        )

    return make


def test_every_forgotten_and_every_never_seen_document_is_sketched(sketched):
    what = kept.read(sketched(forget=[letters(1), letters(2)]).path / KEPT)
    assert [one.tokens for one in what.forgotten] == [400, 400]  # a byte is a token
    assert len(what.never_seen) == 1
    assert all(one.hashes for one in (*what.forgotten, *what.never_seen))


@pytest.mark.parametrize("split", ["retain", "general", "test", "approximate"])
def test_what_also_stands_in_text_that_stays_is_left_out(sketched, split):
    what = kept.read(sketched(forget=[letters(1)], **{split: [letters(1)]}).path / KEPT)
    assert what.forgotten[0].hashes == ()


def test_losses_are_those_of_the_evidence(sketched):
    what = kept.read(sketched().path / KEPT)
    for split, level in LEVELS.items():
        assert what.losses["target"][split] == {"documents": 2.0, "mean": level, "deviation": 0.0}


def test_neither_a_text_nor_an_id_nor_a_key_is_written(sketched):
    from tasks import ledger

    record = sketched(forget=[letters(1)])
    written = (record.path / KEPT).read_text() + json.dumps(record.config)
    assert letters(1)[:12] not in written
    assert "forget:0" not in written
    assert ledger.key("kept").hex() not in written
