import math
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.core.batch import IGNORE, Chunk, bucketed
from tasks.metrics import evidence
from tasks.metrics.evidence import Evidence, gather, token_evidence

TEXTS = ("first text", "second " * 40, "", "fourth")
DOC_IDS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=50,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
            initializer_range=0.4,
        )
    ).eval()


@pytest.fixture(scope="module")
def chunks():
    """Document a in one chunk, b in three of different lengths, c without tokens, d in one."""
    rng = np.random.default_rng(0)

    def chunk(document, length, unscored):
        ids = rng.integers(50, size=length)
        labels = rng.integers(50, size=length)
        labels[:unscored] = IGNORE
        return Chunk(ids, labels, document)

    return [chunk(3, 1, 0), chunk(1, 20, 0), chunk(0, 9, 0), chunk(1, 20, 4), chunk(1, 7, 0)]


def read_with(model, chunks, max_tokens, bfloat16=False):
    return gather(model, chunks, bucketed(chunks, max_tokens), DOC_IDS, TEXTS, bfloat16=bfloat16)


def test_of_four_equal_tokens_all_is_known():
    # p = 1/4 for each: log p = -log 4 with certainty, so the variance is 0.
    told = token_evidence(torch.zeros(1, 4), torch.tensor([2]))
    assert told.logp_N.item() == pytest.approx(-math.log(4))
    assert told.mean_N.item() == pytest.approx(-math.log(4))
    assert told.variance_N.item() == pytest.approx(0, abs=1e-12)


def test_of_two_unequal_tokens_mean_and_variance_come_out_by_hand():
    # p = 3/4, 1/4. mean = 3/4 log 3/4 + 1/4 log 1/4; the two logs lie log 3 apart, so the
    # variance is p (1 - p) (log 3)^2 = 3/16 (log 3)^2.
    told = token_evidence(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([1]))
    assert told.logp_N.item() == pytest.approx(math.log(1 / 4))
    assert told.mean_N.item() == pytest.approx(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert told.variance_N.item() == pytest.approx(3 / 16 * math.log(3) ** 2)
    assert not told.hit_N.item()


def test_the_likeliest_token_is_a_hit():
    told = token_evidence(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([1, 1]))
    assert told.hit_N.tolist() == [True, False]


def test_the_softmax_is_exact_to_fp32_when_logits_are_bfloat16():
    logits = torch.tensor([[10.0, 2.0, -3.0]]).bfloat16()
    told = token_evidence(logits, torch.tensor([1]))
    exact = 2 - math.log(math.exp(10) + math.exp(2) + math.exp(-3))
    assert told.logp_N.item() == pytest.approx(exact, rel=1e-6)


def test_an_undecided_model_keeps_the_digits_of_its_variance():
    # Half of 1000 tokens at +0.001, half at -0.001: variance 0.001^2 = 1e-6, beside which the
    # squared mean, (log 1000)^2 = 48, leaves no digit of fp32 in a difference of squares.
    told = token_evidence(torch.tensor([[0.001, -0.001] * 500]), torch.tensor([0]))
    assert told.variance_N.item() == pytest.approx(1e-6, rel=1e-2)


def test_each_document_has_its_scored_tokens_in_order_whatever_the_batches(model, chunks):
    told = read_with(model, chunks, max_tokens=40)
    assert told.lengths.tolist() == [9, 20 + 16 + 7, 0, 1]
    one_by_one = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.document):
        with torch.no_grad():
            logits = model(torch.from_numpy(chunk.ids)[None]).logits[0]
        scored = np.flatnonzero(chunk.labels != IGNORE)
        one_by_one.append(logits.log_softmax(-1)[scored, chunk.labels[scored]])
    assert told.logp == pytest.approx(torch.cat(one_by_one).numpy(), abs=1e-5)


def test_a_small_softmax_block_changes_nothing(model, chunks, monkeypatch):
    whole = read_with(model, chunks, max_tokens=100)
    monkeypatch.setitem(evidence.VALUES_AT_ONCE, "cpu", 150)  # three tokens of 50
    blocks = read_with(model, chunks, max_tokens=100)
    for name in ("logp", "mean", "variance"):
        assert getattr(blocks, name) == pytest.approx(getattr(whole, name), abs=1e-5)
    assert blocks.hit.tolist() == whole.hit.tolist()


def test_bfloat16_is_near_but_another_number(model, chunks):
    exact = read_with(model, chunks, max_tokens=40)
    near = read_with(model, chunks, max_tokens=40, bfloat16=True)
    difference = np.abs(exact.logp - near.logp)
    assert 0 < difference.max() < 1


def test_it_knows_how_far_each_text_compresses(model, chunks):
    told = read_with(model, chunks, max_tokens=40)
    assert told.text_bytes.tolist() == [len(text) for text in TEXTS]
    assert told.zlib_bytes.tolist() == [len(zlib.compress(text.encode())) for text in TEXTS]


def test_what_is_written_is_what_is_read(model, chunks, tmp_path):
    told = read_with(model, chunks, max_tokens=40)
    evidence.write(told, tmp_path / "forget.parquet")
    again = evidence.read(tmp_path / "forget.parquet")
    assert again.doc_ids == told.doc_ids
    assert again.grad_norm is None
    for name in set(told._fields) - {"doc_ids", "grad_norm"}:
        np.testing.assert_array_equal(getattr(again, name), getattr(told, name))
        assert getattr(again, name).dtype == getattr(told, name).dtype


def test_the_table_holds_numbers_by_document_and_no_text(model, chunks, tmp_path):
    evidence.write(read_with(model, chunks, max_tokens=40), tmp_path / "forget.parquet")
    table = pq.read_table(tmp_path / "forget.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "doc_id": "string",
        "logp": "list<element: float>",
        "hit": "list<element: bool>",
        "mean": "list<element: float>",
        "variance": "list<element: float>",
        "zlib_bytes": "int64",
        "text_bytes": "int64",
    }
    assert table["doc_id"].to_pylist() == ["a", "b", "c", "d"]


def test_a_broken_document_does_not_spill_into_the_next(evidence_of):
    told = evidence_of(logp=[[-1.0], [math.nan, -1.0], [-2.0]])
    assert told.means(told.logp) == pytest.approx([-1, math.nan, -2], nan_ok=True)


def test_gradients_that_were_taken_come_back_and_those_that_were_not_are_nan(
    model, chunks, tmp_path
):
    told = read_with(model, chunks, max_tokens=40)
    norms = np.arange(len(told.doc_ids), dtype=np.float64)
    norms[0] = np.nan
    evidence.write(told._replace(grad_norm=norms), tmp_path / "forget.parquet")
    np.testing.assert_array_equal(evidence.read(tmp_path / "forget.parquet").grad_norm, norms)


def test_the_evidence_of_some_documents_is_theirs_alone():
    whole = Evidence(
        ("a", "b", "c"), np.array([0, 2, 2, 5]), np.arange(5, dtype=np.float32),
        np.array([1, 0, 1, 0, 1], dtype=bool), np.arange(5, dtype=np.float32) - 10,
        np.ones(5, dtype=np.float32), np.array([1, 2, 3]), np.array([4, 5, 6]), np.array([7.0, 8, 9]),
    )  # fmt: skip
    part = whole.of({"c", "b", "unknown"})
    assert part.doc_ids == ("b", "c")
    assert part.offsets.tolist() == [0, 0, 3]
    assert part.logp.tolist() == [2, 3, 4]
    assert part.zlib_bytes.tolist() == [2, 3]
    assert part.grad_norm.tolist() == [8, 9]
