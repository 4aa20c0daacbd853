import math

import pytest
import torch

from tasks.core.batch import IGNORE, Batch
from tasks.methods.likelihood import Ascent, Descent

# p = 1/4, 3/4. Two tokens scored, the third is not.
BATCH = Batch(torch.tensor([[0, 0, 0]]), torch.tensor([[0, 1, IGNORE]]))
BY_HAND = -(math.log(1 / 4) + math.log(3 / 4)) / 2


def test_descent_is_the_mean_negative_log_likelihood(known):
    assert Descent().loss(known(1.0, 3.0), BATCH, None).item() == pytest.approx(BY_HAND)


def test_ascent_is_descent_turned_round(known):
    assert Ascent().loss(known(1.0, 3.0), BATCH, None).item() == pytest.approx(-BY_HAND)


def test_ascent_has_no_floor(known):
    certain = [Ascent().loss(known(10.0**-k, 1.0), BATCH, None).item() for k in (1, 10, 30)]
    assert certain == sorted(certain, reverse=True)
    assert certain[-1] < -30
