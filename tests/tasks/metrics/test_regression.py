import math

import pytest

from tasks.metrics.regression import membership

ALLOWED = [
    {"rule": "membership_loss", "value": 0.5, "low": 0.4, "high": 0.6},
    {"rule": "retain_perplexity", "value": 9.0, "low": -math.inf, "high": 1.0},
]


def found(auc, low, high):
    attacks = {"loss": {"auc": auc, "auc_low": low, "auc_high": high}}
    return [one.said for one in membership("lethe-demo/2", ALLOWED, attacks)]


@pytest.mark.parametrize("interval", [(0.5, 0.45, 0.55), (0.7, 0.6, 0.8), (0.3, 0.2, 0.4)])
def test_an_interval_that_touches_what_the_gate_allowed_is_no_finding(interval):
    assert found(*interval) == []


@pytest.mark.parametrize("interval", [(0.75, 0.61, 0.9), (0.2, 0.1, 0.39)])
def test_an_interval_outside_on_either_side_is_a_finding_with_its_numbers(interval):
    (said,) = found(*interval)
    assert f"AUC of loss is {interval[0]:.3f}" in said
    assert "allowed 0.400 to 0.600, and it was 0.500" in said


def test_what_could_not_be_measured_is_a_finding():
    assert len(found(math.nan, math.nan, math.nan)) == 1
