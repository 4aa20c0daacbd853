import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tasks.core.batch import collate
from tasks.core.errors import ConfigError
from tasks.core.logprobs import mean_nll, next_logits
from tasks.core.record import Record
from tasks.data.halves import TAUGHT
from tasks.data.tokens import chunks, train_tokenizer
from tasks.relearn import relearn
from tasks.training.loop import OptimiserConfig
from tasks.training.model import ScratchConfig, initial, load
from tasks.training.trials import Relearn

WORDS = ["one", "two", "three", "four", "five"]
QUICK = {"steps": 6, "optimiser": OptimiserConfig(learning_rate=1e-2, tokens_per_step=128)}


@pytest.fixture
def model(tmp_path):
    """An untrained model, which is all a step needs."""
    tokenizer = train_tokenizer([" ".join(WORDS)] * 4, 300)
    small = ScratchConfig(vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2, context=32)
    folder = tmp_path / "unlearned"
    initial(small, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="u0", path=folder)


@pytest.fixture
def data(tmp_path):
    """Makes a forget set: a document of twenty words for each cluster named."""

    def make(clusters):
        folder = tmp_path / "data"
        folder.mkdir()
        rng = random.Random(1)
        ids = [f"forget:{at}" for at in range(len(clusters))]
        texts = [" ".join(rng.choices(WORDS, k=20)) for _ in ids]
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / "forget.parquet")
        assignment = {"doc_id": [*ids, "retain:0"], "cluster": [*clusters, "r"],
                      "tokens": [20] * (len(ids) + 1), "split": ["forget"] * len(ids) + ["retain"]}  # fmt: skip
        pq.write_table(pa.table(assignment), folder / "assignment.parquet")
        return Record(kind="splits", fingerprint="d0", path=folder)

    return make


def loss(record, texts):
    network, tokenizer = load(record.path)
    batch = collate(chunks(texts, tokenizer, 32))
    with torch.no_grad():
        return float(mean_nll(next_logits(network, batch), batch.labels_BT))


def test_half_is_of_whole_clusters_and_the_lesson_is_that_text_alone(model, data):
    forgotten = data("aabbccdd")
    record = relearn.fn(model, forgotten, Relearn(on="half", **QUICK))
    taught = json.loads((record.path / TAUGHT).read_text())
    clusters = {"aabbccdd"[int(doc_id.removeprefix("forget:"))] for doc_id in taught}
    assert (len(taught), len(clusters)) == (4, 2)
    texts = pq.read_table(forgotten.path / "forget.parquet")["text"].to_pylist()
    assert not any(text in path.read_text(errors="replace")
                   for path in record.path.iterdir() for text in texts)  # fmt: skip

    # the whole of a forget set that is the taught half: the same weights
    path = forgotten.path / "forget.parquet"
    half = [one for one in pq.read_table(path).to_pylist() if one["doc_id"] in taught]
    pq.write_table(pa.Table.from_pylist(half), path)
    alone = Record(kind="splits", fingerprint="d1", path=forgotten.path)
    again = relearn.fn(model, alone, Relearn(**QUICK))
    assert again.files == record.files | {"progress.jsonl": again.files["progress.jsonl"],
                                          "training.json": again.files["training.json"]}  # fmt: skip
    lesson = [one["text"] for one in half]
    assert loss(again, lesson) < loss(model, lesson) - 0.1
    assert relearn.fn(model, alone, Relearn(**QUICK)) == again


def test_one_cluster_has_no_disjoint_half(model, data):
    with pytest.raises(ConfigError, match=r"single cluster .* stress\.trials"):
        relearn.fn(model, data("aaaa"), Relearn(on="half", **QUICK))
