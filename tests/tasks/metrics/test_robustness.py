import math

import numpy as np
import pandas as pd
import pytest

from tasks.metrics.robustness import (
    CLAIMANT,
    Beside,
    beside,
    flipped,
    judged,
    outcome,
    readings,
    share,
    shares,
    span,
)


def wilson(passed, of, z=1.959964):
    """By hand: the centre and the half width of Wilson's interval."""
    p = passed / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return centre - half, centre + half


@pytest.mark.parametrize(("passed", "of"), [(3, 21), (0, 7), (7, 7), (1, 1)])
def test_the_share_that_passes_and_its_interval(passed, of):
    told = share(passed, of)
    assert told[:3] == (passed, of, passed / of)
    assert (told.low, told.high) == pytest.approx(wilson(passed, of), abs=1e-6)


def test_a_larger_grid_says_more():
    few, many = share(2, 4), share(50, 100)
    assert many.high - many.low < few.high - few.low


def test_shares_are_of_the_runs_that_pass_over_all_requests_and_for_each():
    rows = pd.DataFrame(
        [
            {"request": "a", "method": "m", "pass": True},
            {"request": "a", "method": "m", "pass": False},
            {"request": "b", "method": "m", "pass": True},
            {"request": "b", "method": "n", "pass": False},
        ]
    )
    told = {(row["method"], row["request"]): row for row in shares(rows).to_dict("records")}
    assert {key: (row["passed"], row["of"]) for key, row in told.items()} == {
        ("m", "all"): (2, 3), ("n", "all"): (0, 1), ("m", "a"): (1, 2), ("m", "b"): (1, 1),
        ("n", "b"): (0, 1),
    }  # fmt: skip
    assert all(row["low"] <= row["share"] <= row["high"] for row in told.values())


@pytest.mark.parametrize(
    ("passed", "forget", "test", "word"),
    [
        (True, 1.0, 1.1, "passes"),
        (False, 1.0, 1.1, "in region"),
        (False, 0.3, 1.0, "out of region"),
        (False, 1.6, 1.0, "out of region"),
        (False, 1.0, 2.1, "destroyed"),
        (False, math.nan, math.nan, "destroyed"),
        (False, math.nan, 1.0, "out of region"),
    ],
)
def test_what_became_of_a_run_in_a_word(passed, forget, test, word):
    assert outcome(passed, forget, test) == word


def test_the_span_is_measured_between_the_rates_in_logarithms():
    # log forget goes from -log 4 to log 4 over two decades, and is within log 1.5 for
    # 2 log 1.5 / (2 log 4) of them; given in any order
    spanned = span([1e-2, 1e-4], np.array([4.0, 1 / 4]), np.array([1.0, 1.0]))
    assert spanned == pytest.approx(2 * math.log(1.5) / math.log(4), abs=0.002)


def test_where_the_model_is_destroyed_the_span_ends():
    # test perplexity passes twice the target's half way
    assert span([1e-4, 1e-2], np.array([1.0, 1.0]), np.array([1.0, 4.0])) == pytest.approx(1.0)
    assert span([1e-4, 1e-2], np.array([1.0, 1.0]), np.array([3.0, 4.0])) == 0


def test_a_loss_that_diverged_spoils_the_stretches_beside_it():
    rates, ones = [1e-4, 1e-3, 1e-2, 1e-1], np.ones(4)
    lost = np.array([1.0, 1.0, np.nan, 1.0])
    assert span(rates, ones, ones) == pytest.approx(3)
    assert span(rates, lost, lost) == pytest.approx(1)


def test_one_rate_spans_nothing():
    assert span([1e-3], np.ones(1), np.ones(1)) == 0


def grid(passing, seeds=(0, 1, 2), requests="abc"):
    """Of each method, how many of four rates pass in every unit."""
    return pd.DataFrame(
        [
            {
                "request": request, "seed": seed, "method": method, "learning_rate": 10.0 ** -at,
                "pass": at < passes, "forget_factor": 1.0, "test_factor": 1.0,
            }
            for request in requests
            for seed in seeds
            for method, passes in passing.items()
            for at in range(4)
        ]
    )  # fmt: skip


def test_a_unit_is_an_order_of_the_documents_of_a_request_over_all_rates():
    read = readings(grid({"m": 1, "n": 3}))
    assert len(read) == 2 * 3 * 3
    assert set(read.loc[read["method"] == "n", "passes"]) == {0.75}
    assert read["span"].tolist() == pytest.approx([3.0] * len(read))


def test_signs_are_flipped_every_way():
    assert flipped(np.ones(3)) == pytest.approx(1 / 8)
    assert flipped(-np.ones(3)) == 1
    assert flipped(np.array([2.0, -1.0])) == pytest.approx(2 / 4)  # 2-1 and 2+1 of four
    assert flipped(np.zeros(5)) == 1
    assert flipped(np.ones(40)) < 1e-4
    assert math.isnan(flipped(np.array([])))


def test_the_claim_holds_where_every_other_method_survives_less_of_the_grid():
    found = beside(readings(grid({CLAIMANT: 3, "m": 1, "n": 2})), "passes")
    # nine units: the smallest p is 1/512, twice that by Holm
    assert [one.p_above for one in found] == pytest.approx([2 / 512] * 2)
    assert found[0].difference == pytest.approx(0.5)
    assert judged(found) == "holds"


def test_one_better_method_is_enough_against_it_and_one_as_good_leaves_it_undecided():
    assert judged(beside(readings(grid({CLAIMANT: 2, "m": 1, "n": 3})), "passes")) == (
        "does not hold here"
    )
    assert judged(beside(readings(grid({CLAIMANT: 2, "m": 1, "n": 2})), "passes")) == "undecided"


@pytest.mark.parametrize(
    "rows",
    [
        grid({CLAIMANT: 0, "m": 0}),
        grid({CLAIMANT: 3, "m": 1}, seeds=(0,)),
        grid({CLAIMANT: 3}),
        grid({"m": 3}),
    ],
    ids=["nothing passes", "few units", "no other method", "it is not there"],
)
def test_what_cannot_be_told_is_undecided(rows):
    assert judged(beside(readings(rows), "passes")) == "undecided"


def test_a_test_that_could_not_be_made_does_not_make_it_hold():
    found = [Beside("span", "m", 0, math.nan, math.nan, math.nan)]
    assert judged(found) == "undecided"
