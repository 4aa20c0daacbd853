import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks.core.batch import IGNORE
from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.data.tokens import chunks
from tasks.evaluate import EvaluateConfig, evaluate
from tasks.metrics import evidence

WORDS = ["a", "b", "c", "d", "e", "f", "g", "h"]
SECRET = "h g f e d c b a"
TEXTS = {
    "forget": [SECRET, "a a b b c c"],
    "retain": ["b c d", "d e f " * 20],
    "general": ["e f"],
    "approximate": ["g h a b", "c d e f g h a b c"],
    "test": ["h a b", "f"],
}
CONFIG = EvaluateConfig(context=16, max_batch_tokens=40)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Llama model of random weights and a tokenizer of eight words, as a finished record."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS) + 2,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=64,
            initializer_range=0.5,
            bos_token_id=1,
            eos_token_id=1,
        )
    ).save_pretrained(folder)
    words = {word: number for number, word in enumerate(["<unk>", "<end>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<end>", eos_token="<end>"
    ).save_pretrained(folder)
    return Record(kind="model", fingerprint="m" * 12, path=folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("splits")
    for split, texts in TEXTS.items():
        ids = [f"{split}-{number}" for number in range(len(texts))]
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / f"{split}.parquet")
    return Record(kind="splits", fingerprint="d" * 12, path=folder)


def scores(record):
    return json.loads((record.path / "scores.json").read_text())


def test_every_split_has_evidence_by_document_and_every_metric(model, data):
    record = evaluate.fn(model, data, CONFIG)
    for split in SPLITS:
        told = evidence.read(record.path / f"{split}.parquet")
        assert told.doc_ids == tuple(f"{split}-{n}" for n in range(len(TEXTS[split])))
        assert set(scores(record)[split]) == {
            "perplexity",
            "accuracy",
            "exact_memorisation",
            "extraction_strength",
        }


def test_every_score_has_its_interval_beside_it(model, data):
    record = evaluate.fn(model, data, CONFIG)
    sure = json.loads((record.path / "intervals.json").read_text())
    for split, values in scores(record).items():
        assert sure[split].keys() == values.keys()
        for name, value in values.items():
            low, high = sure[split][name]["low"], sure[split][name]["high"]
            if low is not None:  # one document of the two may have no token to score
                assert low <= value <= high, (split, name)
    assert sure["forget"]["perplexity"]["low"] < sure["forget"]["perplexity"]["high"]


def test_gradients_are_taken_of_what_is_attacked_and_of_no_more_than_asked(model, data):
    record = evaluate.fn(model, data, CONFIG)
    for split in SPLITS:
        norms = evidence.read(record.path / f"{split}.parquet").grad_norm
        assert (norms is not None) == (split in ("forget", "approximate")), split
    assert (evidence.read(record.path / "forget.parquet").grad_norm > 0).all()
    record = evaluate.fn(model, data, CONFIG.model_copy(update={"gradients": 1}))
    norms = evidence.read(record.path / "forget.parquet").grad_norm
    assert np.isnan(norms).tolist() == [False, True]
    record = evaluate.fn(model, data, CONFIG.model_copy(update={"gradients": 0}))
    assert evidence.read(record.path / "forget.parquet").grad_norm is None


def test_perplexity_is_what_the_model_alone_says(model, data):
    found = scores(evaluate.fn(model, data, CONFIG))["retain"]["perplexity"]
    network = LlamaForCausalLM.from_pretrained(model.path)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model.path)
    nats = tokens = 0.0
    for chunk in chunks(TEXTS["retain"], tokenizer, 16):
        with torch.no_grad():
            logits = network(torch.from_numpy(chunk.ids)[None]).logits[0]
        labels = torch.from_numpy(chunk.labels)
        nats += F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum").item()
        tokens += chunk.scored
    assert found == pytest.approx(math.exp(nats / tokens), rel=1e-5)


def test_the_same_document_reads_the_same_whatever_the_batch(model, data):
    one, many = (
        evaluate.fn(model, data, CONFIG.model_copy(update={"max_batch_tokens": size}))
        for size in (1, 4096)
    )
    for split in SPLITS:
        alone, together = (evidence.read(r.path / f"{split}.parquet") for r in (one, many))
        assert alone.lengths.tolist() == together.lengths.tolist()
        assert alone.logp == pytest.approx(together.logp, abs=1e-5)


def test_documents_and_tokens_are_counted(model, data):
    record = evaluate.fn(model, data, CONFIG)
    counts = json.loads((record.path / "counts.json").read_text())
    told = evidence.read(record.path / "retain.parquet")
    assert counts["retain"] == {
        "documents": 2,
        "unscored": int((told.lengths == 0).sum()),
        "tokens": told.logp.size,
    }


def test_nothing_it_leaves_holds_the_text(model, data):
    record = evaluate.fn(model, data, CONFIG)
    for file in record.path.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file.name


def test_only_the_metrics_asked_for_are_computed(model, data):
    found = scores(evaluate.fn(model, data, EvaluateConfig(metrics=("accuracy",))))
    assert {tuple(values) for values in found.values()} == {("accuracy",)}


def test_a_second_time_the_model_is_not_even_loaded(model, data, tmp_path):
    made = evaluate.fn(model, data, CONFIG)
    gone = model.model_copy(update={"path": tmp_path / "gone"})
    assert evaluate.fn(gone, data, CONFIG) == made


def test_an_unknown_metric_is_refused_and_the_nearest_offered():
    with pytest.raises(ValidationError, match=r"'perplexty' is no metric; did you mean 'perplex"):
        EvaluateConfig(metrics=("perplexty",))
