import math

import pytest
import torch

from tasks.core.batch import IGNORE, Batch
from tasks.methods.kl import KL

BATCH = Batch(torch.tensor([[0, 0]]), torch.tensor([[1, IGNORE]]))


def test_it_is_zero_where_both_models_agree(known):
    assert KL().loss(known(1.0, 3.0), BATCH, known(1.0, 3.0)).item() == pytest.approx(0, abs=1e-7)


def test_it_is_the_divergence_of_the_model_from_the_reference(known):
    # reference p = (1/2, 1/2), model q = (1/4, 3/4): sum of p log(p / q)
    by_hand = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert KL().loss(known(1.0, 3.0), BATCH, known(1.0, 1.0)).item() == pytest.approx(by_hand)


def test_what_is_not_scored_does_not_count(known):
    class Elsewhere(known):
        def forward(self, input_ids, use_cache):
            answer = super().forward(input_ids, use_cache)
            answer.logits = answer.logits.clone()
            answer.logits[:, 1] = torch.tensor([9.0, -9.0])
            return answer

    assert KL().loss(Elsewhere(1.0, 3.0), BATCH, known(1.0, 3.0)).item() == pytest.approx(
        0, abs=1e-7
    )
