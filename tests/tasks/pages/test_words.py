import math
from types import SimpleNamespace

import pytest

from tasks.pages.words import (
    STOPPED,
    apart,
    brief,
    ending,
    exposed,
    goes_along,
    interval,
    number,
    percent,
    share,
)
from tasks.training.stop import Alike, Gap


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "not measured"),
        (math.inf, "not measured"),
        (None, "not measured"),
        (0.0, "0"),
        (12.3456, "12.35"),
        (1234.5, "1,234"),
        (40_000, "40,000"),
        (2.4e11, "2.40e+11"),
        (0.00004, "4.00e-05"),
    ],
)
def test_a_number_is_short_and_a_missing_one_is_never_zero(value, written):
    assert number(value) == written


def test_a_share_has_three_digits():
    assert share(0.5) == "0.500"
    assert share(math.nan) == "not measured"


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [(0.4121, 0.5, "0.41-0.50"), (2.634, 12.34, "2.63-12.3"), (987.6, 12345.0, "988-12,300"),
     (math.nan, 1.0, ""), (1.0, math.inf, "")],
)  # fmt: skip
def test_an_interval_in_a_narrow_column_is_short_and_left_out_where_it_is_not_known(
    low, high, written
):
    assert brief({"low": low, "high": high}) == written


def test_an_auc_comes_with_its_interval():
    assert interval({"auc": 0.512, "auc_low": 0.44, "auc_high": 0.58}) == "0.51 (0.44 to 0.58)"


def test_an_auc_of_too_few_documents_has_no_interval():
    standing = {"auc": 0.512, "auc_low": math.nan, "auc_high": math.nan}
    assert interval(standing) == "0.51 (interval not measured)"
    assert interval({"auc": math.nan}) == "not measured"


def test_a_rate_is_in_percent():
    assert percent(1 / 119) == "0.84 %"
    assert percent(math.nan) == "not measured"


def test_a_p_value_stands_beside_its_distance():
    assert apart({"ks": 0.251, "ks_p": 0.01, "ks_p_holm": 0.05}) == "0.25 (p 0.05)"
    assert apart({"ks": math.nan, "ks_p_holm": math.nan}) == "not measured"


def told(low, high, comparator="retrained", never=0.0, along=None):
    one = {"low": low, "high": high, "never_seen": never, "above": 0.25, "comparator": comparator}
    exposure = {
        "measure": "x", "roles": {"unlearned": {"x": one}}, "goes_along_with": along or {}
    }  # fmt: skip
    return SimpleNamespace(exposure=exposure)


def test_exposure_is_said_by_where_its_interval_lies():
    assert "still knows more about the forgotten documents than a model" in exposed(told(0.1, 0.4))
    assert "model knows less about the forgotten documents than" in exposed(told(-0.4, -0.1))
    assert "can neither be shown to know more nor less about" in exposed(told(-0.1, 0.1))
    assert exposed(told(0.1, 0.4)).endswith("25 % of them are above that level.")


def test_relative_exposure_is_said_against_documents_never_seen_and_their_level():
    words = exposed(told(1.0, 1.3, "approximate", 1.44))
    assert "knows less about the forgotten documents than it does about similar documents" in words


def test_without_an_interval_exposure_was_not_measured():
    assert exposed(told(math.nan, math.nan)).endswith("not measured.")


def test_what_goes_along_with_forgetting_is_said_with_its_correlation():
    words = goes_along(told(0, 0, along={"memorisation": 0.9, "difficulty": 0.05}))
    assert words == (
        "Documents it had remembered better were forgotten further (rank correlation 0.90) and "
        "those that are harder to predict were forgotten about as far as others "
        "(rank correlation 0.05)."
    )
    words = goes_along(told(0, 0, along={"memorisation": math.nan, "difficulty": -0.5}))
    assert "it had remembered better: not measured" in words
    assert "harder to predict were forgotten less far" in words


def ended(stopped, kept, last=40):
    spent = {"unlearned": {"stopped": stopped, "kept_step": kept}}
    return SimpleNamespace(spent=spent, steps=[{"step": last}], kept_step=kept)


def test_where_training_ended_is_said_only_if_it_was_not_simply_the_last_step():
    assert ending(ended("", 40)) == ""
    assert ending(ended("", math.nan)) == ""
    assert ending(ended("", 12)) == (
        "Every step was taken. The weights are those of step 12, the nearest to what the gate asks."
    )
    assert ending(ended("retain", 40)) == (
        "Training stopped after step 40, where similar text that must stay had lost more than was "
        "allowed."
    )
    assert "after step 40" in ending(ended("alike", 30))
    assert "those of step 30" in ending(ended("alike", 30))


def test_every_reason_to_stop_has_words():
    told = dict.fromkeys(("forget_nll", "approximate_nll", "retain_nll", "forget_gap"), 9.0)
    told |= {"step": 1, "approximate_gap": 9.0, "forget_auc": 0.5}
    reasons = {stop().reason(told, told) for stop in (Alike, Gap)}
    cost = Alike().reason({**told, "retain_nll": 99.0}, told)
    still = {**told, "approximate_nll": 10.0, "forget_auc": 1.0}
    late = Alike(due_share=0.5).reason(still, still)
    assert {*reasons, cost, late} == STOPPED.keys()
