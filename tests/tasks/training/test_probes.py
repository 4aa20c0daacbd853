import math

import numpy as np
import pytest
import torch

from tasks.core.batch import Chunk, collate
from tasks.training import probes
from tasks.training.probes import (
    WINDOW,
    Probes,
    _read,
    by_document,
    likelier,
    probe,
    sampled,
    windows,
)


def chunk(*ids):
    return Chunk(np.array(ids[:-1]), np.array(ids[1:]), 0)


class Fixed(torch.nn.Module):
    """Whatever it reads, the next token has these logits."""

    def __init__(self, *logits):
        super().__init__()
        self.logits_V = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids, **_):
        said = torch.nn.Module()
        said.logits = self.logits_V.expand(*input_ids.shape, -1)
        return said


def test_a_probe_tells_the_loss_the_lead_and_who_is_likelier(monkeypatch):
    model = Fixed(0.0, 1.0, 3.0)
    forget = [collate([chunk(0, 2, 2), chunk(0, 1)])]
    approximate = [collate([chunk(0, 0)])]
    monkeypatch.setattr(probes, "WINDOW", 1)
    told = probe(model, {"forget": forget, "approximate": approximate})
    total = math.log(1 + math.e + math.e**3)
    # labels 2, 2, 1: losses total - 3, total - 3, total - 1; leads 3 - 1, 3 - 1, 1 - 3
    assert told["forget_nll"] == pytest.approx(total - 7 / 3)
    assert told["forget_gap"] == pytest.approx((2 + 2 - 2) / 3)
    assert told["approximate_nll"] == pytest.approx(total)
    assert told["approximate_gap"] == pytest.approx(-3)
    assert told["forget_auc"] == 1.0


def test_without_both_samples_there_is_nobody_to_compare_with():
    assert "forget_auc" not in probe(Fixed(0.0, 1.0), {"forget": [collate([chunk(0, 1)])]})


def test_likelier_counts_pairs_and_half_of_the_ties():
    # 1 < 2, 1 < 3, 2 = 2 (half), 2 < 3: 3.5 of 4
    assert likelier(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == 3.5 / 4
    assert likelier(np.array([5.0]), np.array([1.0])) == 0.0
    assert math.isnan(likelier(np.array([math.nan]), np.array([1.0])))
    assert math.isnan(likelier(np.array([]), np.array([1.0])))


def test_windows_are_of_one_length_and_tails_are_left_out(monkeypatch):
    monkeypatch.setattr(probes, "WINDOW", 2)
    rows = [np.array([1.0, 3.0, 5.0, 5.0, 9.0]), np.array([7.0])]
    assert windows(rows).tolist() == [2.0, 5.0]


def test_a_few_long_chunks_are_still_many_windows():
    with torch.no_grad():
        (row,) = _read(Fixed(0.0, 1.0), collate([chunk(*[1] * 513)]))
    assert windows([row.losses]).size == 512 // WINDOW


def test_a_sample_is_the_same_every_time_and_of_its_size():
    whole = [chunk(*range(at, at + 9)) for at in range(50)]
    one, other = (sampled(whole, 64) for _ in range(2))
    assert sum(batch.scored for batch in one) == 64
    assert all(torch.equal(a.input_ids_BT, b.input_ids_BT) for a, b in zip(one, other, strict=True))
    assert sum(batch.scored for batch in sampled(whole, 10_000)) == 50 * 8


def test_each_document_is_read_whole_and_has_its_own_mean():
    model = Fixed(0.0, 1.0, 3.0)
    total = math.log(1 + math.e + math.e**3)
    pieces = [chunk(0, 2, 2), chunk(0, 1)._replace(document=2), chunk(2, 0)]
    told = by_document(model, pieces)
    # document 0: labels 2, 2 and, in its second chunk, 0; document 1 has no token; document 2: 1
    assert told["document_0_nll"] == pytest.approx((3 * total - 3 - 3 - 0) / 3)
    assert math.isnan(told["document_1_nll"])
    assert told["document_2_nll"] == pytest.approx(total - 1)


def test_what_is_read_by_document_must_be_at_hand():
    assert Probes(splits=("test",), documents=True).reads == ("test", "forget")
    assert Probes(splits=("test",)).reads == ("test",)
