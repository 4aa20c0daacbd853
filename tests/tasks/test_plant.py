"""Planted splits, and how often a model is taught each document of them."""

import json
from collections import Counter

import pandas as pd
import pytest
from transformers import AutoTokenizer

from tasks.core.errors import DataError
from tasks.core.record import Record
from tasks.data.planting import KINDS, PlantingConfig
from tasks.data.stream import Stream
from tasks.data.tokens import chunks, train_tokenizer
from tasks.plant import Lesson, only, plant, teach
from tasks.train import train
from tasks.training.loop import OptimiserConfig
from tasks.training.model import ModelConfig, ScratchConfig

CONFIG = PlantingConfig(times=(1, 16), documents=3, characters=40, register_domain="github")


def rows(prefix, count, domain):
    return [
        {
            "doc_id": f"{prefix}:{at}",
            "cluster": f"{prefix}-{at}",
            "domain": domain,
            "text": " ".join(f"{prefix}{at}w{word}" for word in range(30)),
        }
        for at in range(count)
    ]


@pytest.fixture
def data(tmp_path):
    """Splits of words that no two documents share."""
    parts = {
        "forget": rows("f", 12, "books"),
        "retain": rows("k", 4, "books"),
        "general": [*rows("g", 6, "github"), *rows("a", 3, "arxiv")],
        "approximate": rows("x", 2, "books"),
        "test": rows("t", 2, "books"),
    }
    (tmp_path / "data").mkdir()
    for split, part in parts.items():
        pd.DataFrame(part).to_parquet(tmp_path / "data" / f"{split}.parquet")
    return Record(kind="splits", fingerprint="d0", path=tmp_path / "data")


def texts(record, split):
    return list(pd.read_parquet(record.path / f"{split}.parquet")["text"])


def test_nothing_else_of_the_register_or_of_the_natural_text_is_read(data):
    planted = plant.fn(data, CONFIG)
    assert all(text.startswith("a") for text in texts(planted, "general"))
    assert len(texts(planted, "forget")) == 4 * 2 * 3
    for split in ("retain", "approximate", "test"):
        assert texts(planted, split) == texts(data, split)


def test_a_register_must_be_a_domain_of_general_text_and_not_all_of_it(data):
    with pytest.raises(DataError, match=r"planting\.register_domain=books.*arxiv, github"):
        plant.fn(data, CONFIG.model_copy(update={"register_domain": "books"}))


def test_an_epoch_of_the_lesson_reads_a_document_as_often_as_it_is_planted(data):
    planted = plant.fn(data, CONFIG)
    taught = teach.fn(planted, Lesson(epochs=2))
    tokenizer = train_tokenizer(texts(taught, "retain"), 300)
    read = [text for split in ("forget", "retain", "general") for text in texts(taught, split)]
    pieces = chunks(read, tokenizer, 1024)
    epoch = Stream(pieces, tokens_per_step=sum(piece.scored for piece in pieces), seed=0)
    readings = Counter(read[chunk.document] for chunk in epoch.step(0))
    forget = pd.read_parquet(planted.path / "forget.parquet")
    for row in forget.itertuples():
        assert readings[row.text] == row.times
    assert {readings[text] for text in texts(planted, "retain")} == {2}


def test_training_reads_as_many_tokens_as_the_lesson_says(data):
    planted = plant.fn(data, CONFIG)
    taught = teach.fn(planted, Lesson(epochs=2))
    config = ModelConfig(
        scratch=ScratchConfig(
            vocabulary=300, hidden=8, intermediate=16, layers=1, heads=2, context=32
        ),
        epochs=1,
        optimiser=OptimiserConfig(learning_rate=1e-3, tokens_per_step=2048),
    )
    model = train.fn(taught, config, "target")
    tokenizer = AutoTokenizer.from_pretrained(model.path)

    def tokens(text):
        return len(tokenizer(text)["input_ids"]) - 1

    forget = pd.read_parquet(planted.path / "forget.parquet")
    expected = sum(row.times * tokens(row.text) for row in forget.itertuples()) + 2 * sum(
        tokens(text) for split in ("retain", "general") for text in texts(planted, split)
    )
    spent = json.loads((model.path / "training.json").read_text())
    assert spent["tokens"] == round(expected / 2048) * 2048


def test_a_fold_that_is_left_out_is_not_read_and_the_folds_are_all(data):
    planted = plant.fn(data, CONFIG)
    whole = Counter(texts(teach.fn(planted, Lesson(epochs=1)), "forget"))
    left_out = Counter()
    for fold in range(3):
        part = Counter(texts(teach.fn(planted, Lesson(epochs=1, folds=3, without=fold)), "forget"))
        assert part < whole
        left_out += whole - part
    assert left_out == whole


def test_unlearning_reads_one_kind_each_document_once(data):
    planted = plant.fn(data, CONFIG)
    parts = [texts(only.fn(planted, kind), "forget") for kind in KINDS]
    assert sorted(text for part in parts for text in part) == sorted(texts(planted, "forget"))
    assert [len(set(part)) for part in parts] == [6] * 4
