import math

import numpy as np
import pytest

from tasks.metrics.priv_leak import priv_leak
from tasks.metrics.statistics import Sampling, Sides

SAMPLING = Sampling(400, 0.9, 0)


def sides(wins, of=10):
    """Sides of which a member wins ``wins`` of its ``of`` pairs."""
    others = np.arange(of) + 0.5
    return Sides(np.full(5, float(wins)), others)


def test_a_model_that_still_remembers_leaks_below_zero():
    # 100 ((1 - 0.9) - (1 - 0.5)) / (1 - 0.5)
    found = priv_leak(sides(9), sides(5), SAMPLING)
    assert (found.percent, found.auc, found.auc_never) == pytest.approx((-80, 0.9, 0.5))


def test_a_model_that_forgot_too_far_is_above_zero_and_the_retrained_one_at_zero():
    # 100 (0.9 - 0.4) / 0.4
    assert priv_leak(sides(1), sides(6), SAMPLING).percent == pytest.approx(125)
    assert priv_leak(sides(6), sides(6), SAMPLING).percent == 0


def test_both_models_read_the_same_documents_so_that_like_models_leak_nothing_for_sure():
    rng = np.random.default_rng(0)
    one = Sides(rng.normal(0.5, 1, 40), rng.normal(0, 1, 40))
    found = priv_leak(one, one, SAMPLING)
    assert (found.low, found.high) == (0, 0)
    other = Sides(one.members + 1, one.nonmembers)
    found = priv_leak(other, one, SAMPLING)
    assert found.low < found.percent < found.high < 0


def test_without_a_retrained_model_it_is_held_against_guessing():
    found = priv_leak(sides(9), None, SAMPLING)
    assert (found.percent, found.auc_never) == (pytest.approx(-80), 0.5)
    assert found.low <= found.percent <= found.high


def test_without_an_auc_or_with_nothing_to_divide_by_it_is_missing():
    nobody = Sides(np.empty(0), np.empty(0))
    for ours, never in ((nobody, None), (sides(5), nobody), (sides(5), sides(10))):
        found = priv_leak(ours, never, SAMPLING)
        assert all(math.isnan(x) for x in (found.percent, found.low, found.high))
