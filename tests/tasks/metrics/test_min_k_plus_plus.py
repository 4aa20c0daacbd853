import math

import pytest

from tasks.metrics.min_k_plus_plus import MinKPlusPlus


def test_it_counts_standard_deviations_below_what_the_model_expects(evidence_of):
    # (-7 - -3) / sqrt(4) = -2 is the lowest; (-4 - -3) / sqrt(1) = -1 is left out.
    evidence = evidence_of(logp=[[-7.0, -4.0]], mean=[[-3.0, -3.0]], variance=[[4.0, 1.0]])
    assert MinKPlusPlus().per_document(evidence) == pytest.approx(-2)


def test_a_fifth_of_ten_tokens_is_two(evidence_of):
    evidence = evidence_of(
        logp=[[-1.0 - i for i in range(10)]], mean=[[-1.0] * 10], variance=[[1.0] * 10]
    )
    assert MinKPlusPlus().per_document(evidence) == pytest.approx((-9 - 8) / 2)


def test_a_token_as_likely_as_expected_scores_nothing(evidence_of):
    evidence = evidence_of(logp=[[-3.0]], mean=[[-3.0]], variance=[[2.0]])
    assert MinKPlusPlus().per_document(evidence) == pytest.approx(0)


def test_a_certain_model_divides_by_a_thousandth(evidence_of):
    # variance 0 is taken as 1e-6, so sigma is 1e-3.
    evidence = evidence_of(logp=[[-0.5]], mean=[[0.0]], variance=[[0.0]])
    assert MinKPlusPlus().per_document(evidence) == pytest.approx(-0.5 / 1e-3)


def test_without_tokens_it_is_nan(evidence_of):
    assert math.isnan(MinKPlusPlus().per_document(evidence_of(logp=[[]]))[0])
