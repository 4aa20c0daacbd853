import numpy as np
import pytest

from tasks.metrics.loss import Loss


def test_it_is_the_mean_log_probability_of_a_document(evidence_of):
    assert Loss().per_document(evidence_of(logp=[[-1.0, -3.0], [-8.0]])) == pytest.approx([-2, -8])


def test_text_known_by_heart_scores_highest(evidence_of):
    known, strange = Loss().per_document(evidence_of(logp=[[0.0], [-0.1]]))
    assert known > strange


def test_without_tokens_it_is_nan(evidence_of):
    assert np.isnan(Loss().per_document(evidence_of(logp=[[], [-1.0]]))).tolist() == [True, False]
