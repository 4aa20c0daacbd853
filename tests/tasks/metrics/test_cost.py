import math

import pytest

from tasks.metrics.cost import UNKNOWN, cost

UNLEARNED = {"tokens": 1e4, "flops": 2e12, "seconds": 5.0}
RETRAINED = {"tokens": 1e7, "flops": 6e15, "seconds": 250.0}


def test_the_ratio_says_how_many_times_more_retraining_takes():
    price = cost(UNLEARNED, RETRAINED)
    assert price.ratio == pytest.approx(6e15 / 2e12)  # 3000
    assert price.seconds_ratio == pytest.approx(250 / 5)
    assert (price.tokens, price.flops, price.retrain_flops) == (1e4, 2e12, 6e15)


def test_without_a_retrained_model_the_ratio_is_not_guessed():
    price = cost(UNLEARNED, UNKNOWN)
    assert price.flops == 2e12
    assert math.isnan(price.ratio)
    assert math.isnan(price.retrain_flops)


def test_work_that_took_nothing_has_no_ratio():
    assert math.isnan(cost(UNLEARNED | {"flops": 0}, RETRAINED).ratio)
