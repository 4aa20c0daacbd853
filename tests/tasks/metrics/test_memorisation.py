import math

import numpy as np
import pytest

from tasks.metrics.memorisation import correlation, memorisation


def test_it_is_the_loss_without_less_the_mean_loss_with():
    losses_KD = np.array([[5.0, 2.0], [1.0, 6.0], [3.0, 3.0]])
    # document 0 was left out by model 0: 5 - (1 + 3) / 2; document 1 by model 1: 6 - (2 + 3) / 2
    assert memorisation(losses_KD, np.array([0, 1])).tolist() == [3.0, 3.5]


def test_a_document_that_taught_nothing_was_not_memorised():
    assert memorisation(np.full((4, 8), 2.5), np.arange(8) % 4) == pytest.approx(0)


def test_rho_is_of_ranks_and_its_interval_holds_it():
    one = np.arange(30.0)
    told = correlation(one, np.exp(one), 200, seed=0)
    assert told == pytest.approx((1.0, 1.0, 1.0))
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert correlation(
        np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3]), 200, 0
    ).rho == pytest.approx(0.6)
    noisy = correlation(one, one + np.random.default_rng(0).normal(0, 10, 30), 500, seed=0)
    assert noisy.low < noisy.rho < noisy.high < 1


def test_too_few_documents_have_no_correlation():
    assert all(math.isnan(value) for value in correlation(np.arange(3.0), np.arange(3.0), 10, 0))
