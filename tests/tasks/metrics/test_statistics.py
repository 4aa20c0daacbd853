import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score, roc_curve

from tasks.metrics.statistics import (
    Sampling,
    _resampled,
    auc,
    intervals,
    mean_interval,
    ratio_intervals,
    roc,
    smallest_fpr,
    standing,
    tpr_at_fpr,
)

# Few distinct values, so that ties are the rule.
scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=40).map(np.array)


def auc_interval(members, nonmembers, *sampling):
    return intervals(members, nonmembers, Sampling(*sampling))[0]


def drawn(members, nonmembers, *sampling, rates=()):
    """Figures of every resample; [1 + rates, resamples]."""
    return np.concatenate(list(_resampled(members, nonmembers, Sampling(*sampling), rates)), axis=1)


def labelled(members, nonmembers):
    truth = np.concatenate([np.ones(members.size), np.zeros(nonmembers.size)])
    return truth, np.concatenate([members, nonmembers])


def test_auc_counts_the_pairs_a_member_wins_and_half_of_the_ties():
    # 2 beats 1 and ties 2: 1.5 pairs; 3 beats both: 2; 3.5 of 4 pairs.
    assert auc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(3.5 / 4)


@given(scores, scores)
def test_auc_is_scikit_learns(members, nonmembers):
    assert auc(members, nonmembers) == pytest.approx(roc_auc_score(*labelled(members, nonmembers)))


def test_an_auc_below_one_half_stays_below():
    assert auc(np.array([0.0]), np.array([1.0])) == 0


def test_auc_of_nobody_is_nan():
    assert math.isnan(auc(np.array([]), np.array([1.0])))


def test_tpr_is_read_above_the_threshold_that_five_of_a_hundred_pass():
    # non-members 1..100: five of them (96..100) pass a threshold of 95, as do 96.5 and 200.
    nonmembers = np.arange(1.0, 101.0)
    members = np.array([50.0, 95.0, 96.5, 200.0])
    assert tpr_at_fpr(members, nonmembers, 0.05) == pytest.approx(2 / 4)


def test_ties_at_the_threshold_are_not_let_through():
    assert tpr_at_fpr(np.ones(5), np.ones(100), 0.05) == 0


def test_tpr_is_nan_where_too_few_nonmembers_could_tell():
    members = np.array([2.0])
    assert math.isnan(tpr_at_fpr(members, np.zeros(99), 0.01))
    assert tpr_at_fpr(members, np.zeros(100), 0.01) == 1


@given(scores, scores, st.sampled_from([0.05, 0.1, 0.25, 0.5]))
def test_tpr_is_the_best_point_of_scikit_learns_curve_within_the_rate(members, nonmembers, rate):
    fpr, tpr, _ = roc_curve(*labelled(members, nonmembers), drop_intermediate=False)
    ours = tpr_at_fpr(members, nonmembers, rate)
    if nonmembers.size * rate < 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(tpr[fpr <= rate + 1e-9].max())


@given(scores, scores)
def test_the_curve_encloses_the_auc_and_runs_from_corner_to_corner(members, nonmembers):
    curve = roc(members, nonmembers)
    assert area(curve.fpr, curve.tpr) == pytest.approx(auc(members, nonmembers))
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)


def test_the_curve_keeps_corners_only():
    curve = roc(np.arange(100.0, 200.0), np.arange(100.0))
    assert (curve.fpr.tolist(), curve.tpr.tolist()) == ([0, 0, 1], [0, 1, 1])


def one_by_one(members, nonmembers, rows, seed):
    rng = np.random.default_rng(seed)
    drawn_members = rng.integers(members.size, size=(rows, members.size))
    drawn_nonmembers = rng.integers(nonmembers.size, size=(rows, nonmembers.size))
    nonmembers = np.sort(nonmembers)
    return [
        (members[m], nonmembers[n]) for m, n in zip(drawn_members, drawn_nonmembers, strict=True)
    ]


def test_every_resample_is_the_auc_and_the_tpr_of_documents_drawn_one_by_one():
    rng = np.random.default_rng(7)
    members, nonmembers = rng.integers(0, 5, 30) * 1.0, rng.integers(-1, 4, 20) * 1.0
    quick = drawn(members, nonmembers, 50, 0.9, 3, rates=(0.05, 0.2))
    slow = one_by_one(members, nonmembers, 50, 3)
    assert quick[0] == pytest.approx(np.array([auc(m, n) for m, n in slow]))
    for row, rate in zip(quick[1:], (0.05, 0.2), strict=True):
        assert row == pytest.approx(np.array([tpr_at_fpr(m, n, rate) for m, n in slow]))


def test_the_interval_of_a_tpr_is_as_sure_as_asked_and_unknown_where_the_rate_is():
    rng = np.random.default_rng(0)
    members, nonmembers = rng.normal(1, 1, 80), rng.normal(0, 1, 50)
    found = standing(members, nonmembers, Sampling(500, 0.9, 3))
    slow = [tpr_at_fpr(m, n, 0.05) for m, n in one_by_one(members, nonmembers, 500, 3)]
    assert found.tpr_at_5pct_fpr_low == pytest.approx(np.quantile(slow, 0.05))
    assert found.tpr_at_5pct_fpr_high == pytest.approx(np.quantile(slow, 0.95))
    # 50 non-members cannot show a rate of 1 %
    assert math.isnan(found.tpr_at_1pct_fpr_low)
    assert math.isnan(found.tpr_at_1pct_fpr_high)


def test_the_interval_holds_the_truth_about_as_often_as_it_claims():
    # Members shifted by 1 standard deviation: AUC = Phi(1 / sqrt 2) = 0.7602.
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        low, high = auc_interval(rng.normal(1, 1, 60), rng.normal(0, 1, 60), 300, 0.9, trial)
        held += low <= 0.7602 <= high
    # 200 trials at 0.9: 180, standard deviation 4.2.
    assert 180 - 4 * 4.2 < held <= 180 + 4 * 4.2


def test_a_surer_interval_is_wider_and_the_seed_decides_it():
    rng = np.random.default_rng(0)
    members, nonmembers = rng.normal(1, 1, 50), rng.normal(0, 1, 50)
    low, high = auc_interval(members, nonmembers, 500, 0.8, 1)
    lower, higher = auc_interval(members, nonmembers, 500, 0.99, 1)
    assert lower < low < auc(members, nonmembers) < high < higher
    assert (low, high) == auc_interval(members, nonmembers, 500, 0.8, 1)
    assert (low, high) != auc_interval(members, nonmembers, 500, 0.8, 2)


def test_as_many_resamples_lie_below_the_interval_as_above():
    rng = np.random.default_rng(0)
    members, nonmembers = rng.normal(1, 1, 50), rng.normal(0, 1, 50)
    low, high = auc_interval(members, nonmembers, 1000, 0.9, 5)
    aucs = drawn(members, nonmembers, 1000, 0.9, 5)[0]
    # 5 % of 1000 on either side, but for ties
    assert (aucs < low).sum() == pytest.approx(50, abs=2)
    assert (aucs > high).sum() == pytest.approx(50, abs=2)


def test_one_document_has_no_interval():
    low, high = auc_interval(np.array([1.0]), np.arange(50.0), 100, 0.95, 0)
    assert math.isnan(low)
    assert math.isnan(high)


def test_scores_that_do_not_overlap_have_a_point_for_an_interval():
    assert auc_interval(np.array([2.0, 3.0]), np.array([0.0, 1.0]), 100, 0.95, 0) == (1, 1)


def test_a_document_without_a_score_is_left_out_and_not_counted():
    found = standing(
        np.array([np.nan, 2.0, 3.0]), np.array([1.0, np.nan, 0.0]), Sampling(100, 0.95, 0)
    )
    assert (found.auc, found.members, found.nonmembers) == (1, 2, 2)


def test_blocks_of_resamples_are_all_there(monkeypatch):
    monkeypatch.setattr("tasks.metrics.statistics.COUNTS_AT_ONCE", 64)
    blocks = list(_resampled(np.arange(10.0), np.arange(10.0), Sampling(100, 0.9, 0), ()))
    assert [block.shape[1] for block in blocks] == [3] * 33 + [1]


def test_a_thousand_resamples_of_five_hundred_documents_take_well_under_a_second():
    rng = np.random.default_rng(0)
    members, nonmembers = rng.normal(1, 1, 500), rng.normal(0, 1, 500)
    began = time.process_time()
    intervals(members, nonmembers, Sampling(1000, 0.95, 0), (0.01, 0.05))
    assert time.process_time() - began < 0.8


def test_forty_nonmembers_show_no_rate_below_one_in_forty():
    assert smallest_fpr(40) == pytest.approx(0.025)
    assert math.isnan(smallest_fpr(0))
    assert standing(
        np.ones(3), np.arange(40.0), Sampling(100, 0.95, 0)
    ).smallest_fpr == pytest.approx(0.025)


def test_the_interval_of_a_mean_is_that_of_means_of_documents_drawn_one_by_one():
    values = np.random.default_rng(0).normal(size=20)
    drawn = np.random.default_rng(3).integers(20, size=(500, 20))
    expected = np.quantile(values[drawn].mean(axis=1), [0.05, 0.95])
    assert mean_interval(values, Sampling(500, 0.9, 3)) == pytest.approx(tuple(expected))


def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_claims():
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        low, high = mean_interval(rng.normal(1, 1, 60), Sampling(300, 0.9, trial))
        held += low <= 1 <= high
    # 200 trials at 0.9: 180, standard deviation 4.2.
    assert 180 - 4 * 4.2 < held <= 180 + 4 * 4.2


def test_the_mean_of_one_document_has_no_interval_and_blocks_are_all_drawn(monkeypatch):
    assert all(math.isnan(end) for end in mean_interval(np.array([1.0]), Sampling(100, 0.9, 0)))
    whole = mean_interval(np.arange(9.0), Sampling(100, 0.9, 0))
    monkeypatch.setattr("tasks.metrics.statistics.COUNTS_AT_ONCE", 64)
    assert mean_interval(np.arange(9.0), Sampling(100, 0.9, 0)) == whole


def test_the_interval_of_a_ratio_is_that_of_sums_over_documents_drawn_one_by_one():
    rng = np.random.default_rng(0)
    below = rng.integers(1, 50, size=(20, 2)) * 1.0
    above = below * rng.uniform(size=(20, 2))
    at = np.random.default_rng(3).integers(20, size=(500, 20))
    for column, found in enumerate(ratio_intervals(above, below, Sampling(500, 0.9, 3))):
        ratios = above[at, column].sum(axis=1) / below[at, column].sum(axis=1)
        assert found == pytest.approx(tuple(np.quantile(ratios, [0.05, 0.95])))


def test_an_infinite_loss_leaves_its_interval_unknown_and_the_others_alone():
    above = np.array([[1.0, np.inf], [2.0, 1.0], [3.0, 1.0]])
    known, unknown = ratio_intervals(above, np.ones((3, 2)), Sampling(100, 0.9, 0))
    assert 1 <= known.low < known.high <= 3
    assert math.isnan(unknown.low)


def test_the_interval_of_a_perplexity_holds_the_truth_about_as_often_as_it_claims():
    # Documents of 5 or 50 tokens; the long ones are harder: the ratio of sums is what is estimated.
    rng = np.random.default_rng(0)
    truth = (5 * 1 + 50 * 3) / 55
    held = 0
    for trial in range(200):
        lengths = rng.choice([5.0, 50.0], 60)
        nats = lengths * rng.normal(np.where(lengths == 5, 1, 3), 0.5)
        ((low, high),) = ratio_intervals(nats[:, None], lengths[:, None], Sampling(300, 0.9, trial))
        held += low <= truth <= high
    # 200 trials at 0.9: 180, standard deviation 4.2.
    assert 180 - 4 * 4.2 < held <= 180 + 4 * 4.2
