import json

import pytest
import torch

from tasks.core.record import Record
from tasks.quantise import quantise
from tasks.training.model import load
from tasks.training.rounding import FORMATS
from tasks.training.trials import Quantise


@pytest.mark.parametrize("weights", FORMATS)
def test_a_rounded_model_loads_like_any_other_and_says_nearly_the_same(checkpoint, weights):
    whole = Record(kind="model", fingerprint="m0", path=checkpoint)
    record = quantise.fn(whole, Quantise(weights=weights))
    assert "quantization_config" not in json.loads((record.path / "config.json").read_text())
    assert record.inputs == ("model/m0",)
    before, tokenizer = load(checkpoint)
    after, same = load(record.path)
    assert same.get_vocab() == tokenizer.get_vocab()
    ids = torch.arange(30).unsqueeze(0)
    with torch.no_grad():
        change = (after(ids).logits - before(ids).logits).abs().max()
    assert 0 < change < 0.1
    assert quantise.fn(whole, Quantise(weights=weights)) == record
