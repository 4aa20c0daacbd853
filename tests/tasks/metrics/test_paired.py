import math

import numpy as np
import pytest

from tasks.metrics.paired import Four, Sample, paired
from tasks.metrics.statistics import Sampling

SAMPLING = Sampling(resamples=400, confidence=0.95, seed=0)
RNG = np.random.default_rng(5)
EASE = RNG.normal(0, 3, 50)
NONE = RNG.normal(0, 1, 40)


def four(*documents, unseen=()):
    others = unseen or [np.empty(0)] * 4
    return Four(*(Sample(np.asarray(d, float), o) for d, o in zip(documents, others, strict=True)))


def test_difference_and_gain_by_hand():
    found = paired(four([1, 3], [4, 6], [1, 1], [2, 2]), SAMPLING)
    assert (found.unlearned_before, found.unlearned) == (2, 5)
    assert (found.retrained_before, found.retrained) == (1, 2)
    assert found.difference == 5 - 2
    assert found.gain == (5 - 2) - (2 - 1)


def test_the_same_documents_are_drawn_for_both_models():
    # documents differ by 3, the models by 0.1 on every one: of that there is no doubt
    found = paired(four(EASE, EASE + 0.1, EASE, EASE), SAMPLING)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert (found.gain_low, found.gain_high) == pytest.approx((0.1, 0.1))


def test_models_that_do_not_differ_have_zero_in_the_interval():
    noise = RNG.normal(0, 1, (4, 50))
    found = paired(four(*(EASE + noise)), SAMPLING)
    assert found.low < 0 < found.high
    assert found.low < found.difference < found.high


def test_a_document_without_a_value_in_one_of_the_four_is_in_none():
    found = paired(four([1, 9], [2, 9], [0, 9], [1, np.nan]), SAMPLING)
    assert (found.documents, found.unlearned, found.difference) == (1, 2, 1)
    assert math.isnan(found.low)  # one document says nothing of others


def test_nothing_measured_is_missing():
    found = paired(four(*[[np.nan]] * 4), SAMPLING)
    assert found.documents == 0
    assert math.isnan(found.difference)


def test_of_an_auc_the_difference_of_the_two_is_taken():
    # unlearned: both members above one of two others, AUC 1/2; retrained: one of them, 1/4
    found = paired(
        four([1, 1], [1, 1], [1, 1], [1, -1], unseen=[np.array([0.0, 2.0])] * 4), SAMPLING
    )
    assert (found.unlearned, found.retrained) == (0.5, 0.25)
    assert found.difference == found.gain == 0.25


def test_in_an_auc_unseen_documents_are_paired_too():
    # both models order all documents alike, so no resample can tell them apart
    scores, unseen = EASE, NONE * 3
    same = paired(four(*[scores] * 4, unseen=[unseen] * 4), SAMPLING)
    assert (same.low, same.high) == (0, 0)
    moved = paired(
        four(scores, scores + 1, scores, scores, unseen=[unseen, unseen + 1, unseen, unseen]),
        SAMPLING,
    )
    assert (moved.low, moved.high, moved.gain_low, moved.gain_high) == (0, 0, 0, 0)


def test_a_model_that_leaks_more_is_told_by_its_auc():
    found = paired(four(EASE, EASE + 6, EASE, EASE, unseen=[NONE] * 4), SAMPLING)
    assert 0 < found.low < found.difference < found.high
    assert found.gain_low > 0


def test_an_unseen_document_without_a_score_is_left_out_of_all():
    unseen = [np.array([0.0, 2.0]), np.array([0.0, np.nan]), *[np.array([0.0, 2.0])] * 2]
    found = paired(four([1, 1], [1, 1], [1, 1], [1, 1], unseen=unseen), SAMPLING)
    assert found.unlearned == found.retrained == 1.0
