"""What a random model says of planted documents, against the same read one at a time."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.core.record import Record
from tasks.data.tokens import train_tokenizer
from tasks.expose import ExposeConfig, expose
from tasks.training.model import ScratchConfig, initial

ROWS = [
    {"doc_id": "natural:1:000", "kind": "natural", "text": "It was a dark night at sea."},
    {"doc_id": "canary:1:000", "kind": "canary", "text": "The seal has number 7."},
]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    pd.DataFrame(ROWS).to_parquet(folder / "forget.parquet")
    pd.DataFrame([{"text": "Nobody saw it."}]).to_parquet(folder / "test.parquet")
    return Record(kind="planted", fingerprint="d0", path=folder)


@pytest.fixture
def model(checkpoint):
    return Record(kind="model", fingerprint="m0", path=checkpoint)


@pytest.fixture
def said(checkpoint):
    return reader(checkpoint)


def reader(checkpoint):
    """The summed loss of a text, read alone, and over how many tokens."""
    network = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)

    def loss(text):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            mean = network(input_ids=ids, labels=ids).loss
        return float(mean) * (ids.shape[1] - 1), ids.shape[1] - 1

    return loss


def rows(record):
    return json.loads((record.path / "losses.json").read_text())


def test_the_loss_of_a_document_is_a_mean_over_its_tokens(model, data, said):
    told = expose.fn(model, data, ExposeConfig(digits=1))
    for row, found in zip(ROWS, rows(told), strict=True):
        total, tokens = said(row["text"])
        assert found["tokens"] == tokens
        assert found["loss"] == pytest.approx(total / tokens, rel=1e-4)
    total, tokens = said("Nobody saw it.")
    unseen = json.loads((told.path / "unseen.json").read_text())["loss"]
    assert unseen == pytest.approx(total / tokens, rel=1e-4)


def test_a_small_space_is_ranked_exactly(model, data, said):
    _, found = rows(expose.fn(model, data, ExposeConfig(digits=1)))
    losses = {digit: said(f"The seal has number {digit}.")[0] for digit in range(10)}
    rank = 1 + sum(losses[digit] < losses[7] for digit in range(10) if digit != 7)
    assert found["bits"] == pytest.approx(np.log2(10 / rank))
    assert found["standard_error"] == 0


def test_numbers_of_more_tokens_than_others_are_ranked_by_the_whole_sentence(data, tmp_path):
    tokenizer = train_tokenizer(["number 42 42 17 17 33 33 17 42"], 300)
    folder = tmp_path / "model"
    shape = ScratchConfig(hidden=16, intermediate=32, layers=1, heads=2, context=64)
    initial(shape, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    canary = "The seal has number 42."
    pd.DataFrame([{**ROWS[1], "text": canary}]).to_parquet(data.path / "forget.parquet")
    model = Record(kind="model", fingerprint="m1", path=folder)
    (found,) = rows(expose.fn(model, data, ExposeConfig(digits=2)))

    said = reader(folder)
    told = {number: said(f"The seal has number {number:02d}.") for number in range(100)}
    assert len({tokens for _, tokens in told.values()}) > 1
    rank = 1 + sum(told[number][0] < told[42][0] for number in range(100) if number != 42)
    assert found["bits"] == pytest.approx(np.log2(100 / rank))
    by_mean = sum(total / tokens < told[42][0] / told[42][1] for total, tokens in told.values())
    assert by_mean + 1 != rank


def test_of_a_larger_space_some_are_drawn_and_the_error_is_told(model, data):
    _, found = rows(expose.fn(model, data, ExposeConfig(digits=1, candidates=5)))
    # of 5 drawn k are likelier: the share is (k + 1) / 6
    shares = [6 * 2 ** -found["bits"]]
    assert shares == pytest.approx(np.round(shares))
    assert found["standard_error"] > 0 or found["bits"] == 0


def test_what_is_no_canary_has_no_bits(model, data):
    found, _ = rows(expose.fn(model, data, ExposeConfig(digits=1)))
    assert found["bits"] is None
