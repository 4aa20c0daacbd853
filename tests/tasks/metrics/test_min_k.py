import numpy as np
import pytest

from tasks.metrics.min_k import MinK20, MinK40, mean_of_lowest

TEN = [-1.0, -10.0, -2.0, -9.0, -3.0, -8.0, -4.0, -7.0, -5.0, -6.0]


def test_the_least_likely_fifth_of_ten_tokens_is_two(evidence_of):
    assert MinK20().per_document(evidence_of(logp=[TEN])) == pytest.approx((-10 - 9) / 2)


def test_the_least_likely_two_fifths_of_ten_tokens_are_four(evidence_of):
    assert MinK40().per_document(evidence_of(logp=[TEN])) == pytest.approx((-10 - 9 - 8 - 7) / 4)


def test_at_least_one_token_is_read(evidence_of):
    # 20 % of 4 tokens is 0.8 of one.
    assert MinK20().per_document(evidence_of(logp=[[-1.0, -4.0, -2.0, -3.0]])) == pytest.approx(-4)


def test_all_of_the_tokens_is_the_mean():
    assert mean_of_lowest(np.array(TEN), 100) == pytest.approx(-5.5)


def test_likelier_tokens_score_higher(evidence_of):
    member, stranger = MinK20().per_document(evidence_of(logp=[[-1.0, -2.0], [-1.0, -3.0]]))
    assert member > stranger


def test_documents_do_not_mix_and_one_without_tokens_is_nan(evidence_of):
    scores = MinK20().per_document(evidence_of(logp=[[-1.0], [], [-5.0]]))
    assert scores == pytest.approx([-1, np.nan, -5], nan_ok=True)
