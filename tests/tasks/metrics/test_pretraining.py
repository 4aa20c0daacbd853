import math

import pytest

from tasks.metrics.pretraining import KNOWN, PUBLISHED, Pretrained, equivalent


def test_six_operations_a_weight_and_token():
    assert Pretrained("two weights", 2, 5).flops == 60


def test_the_ratio_is_that_of_the_tokens():
    # both sides are 6 N per token, so 3.1e12 / 7.9e6 = 392,405 whatever N is
    (yi,) = (model for model in KNOWN if model.name == "Yi-6B")
    assert yi.ratio(7.9e6) == pytest.approx(392_405, rel=1e-5)
    assert yi.ratio(7.9e6) == pytest.approx(yi.flops / (6 * yi.weights * 7.9e6))


def test_the_claim_is_over_a_hundred_thousand_and_not_at_it():
    model = Pretrained("m", 7, 1e12)
    assert model.cheap(1e7 - 1) == "yes"
    assert model.cheap(1e7) == "no"
    assert model.cheap(math.nan) == "not known"


def test_the_papers_own_runs_bear_it_out_for_yi_and_would_not_for_pythia():
    # 4 steps x 480 sequences x 4,096 tokens = 7,864,320; 3.1e12 / 7,864,320 = 394,185
    by_name = {model.name: model for model in KNOWN}
    first, *_ = PUBLISHED
    assert first.tokens == 7_864_320
    assert by_name["Yi-6B"].ratio(first.tokens) == pytest.approx(394_185, rel=1e-5)
    assert {by_name["Yi-6B"].cheap(run.tokens) for run in PUBLISHED} == {"yes"}
    assert {by_name["Pythia-6.9B"].cheap(run.tokens) for run in PUBLISHED} == {"no"}


def test_reading_a_token_costs_a_third_of_training_on_it():
    assert equivalent(flops=(6 * 30 + 2 * 12) * 5, parameters=5) == pytest.approx(30 + 12 / 3)
