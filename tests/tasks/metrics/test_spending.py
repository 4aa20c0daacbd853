import math

import pandas as pd
import pytest

from tasks.metrics.pretraining import KNOWN, PUBLISHED
from tasks.metrics.spending import SPENT, claims, retraining, spending


def a_run(method, **known):
    cost = dict.fromkeys(SPENT, math.nan)
    return {"request": "r", "method": method, **cost, "parameters": 1e6, **known}


def test_a_method_costs_its_median_run_and_a_token_only_read_is_a_third_of_one():
    runs = [a_run("m", tokens=1e6, flops=flops) for flops in (6e12, 8e12, 60e12)]
    (spent,) = spending(pd.DataFrame(runs)).to_dict("records")
    assert (spent["tokens"], spent["flops"]) == (1e6, 8e12)
    assert spent["equivalent"] == pytest.approx(1e6 + 1e6 / 3)  # 8 N T is 6 N T and 2 N T
    assert spent["Yi-6B"] == pytest.approx(3.1e12 / (4e6 / 3))


def test_retraining_is_the_median_of_the_requests_however_many_runs_each_has():
    rows = pd.DataFrame(
        [{**a_run("m", retrain_flops=flops), "request": name} for name, flops in
         (("a", 1.0), ("a", 1.0), ("a", 1.0), ("b", 3.0))]
    )  # fmt: skip
    again = retraining(rows)
    assert again["flops"] == 2.0
    assert math.isnan(again["joules"])


def test_every_row_of_the_claim_can_be_worked_again():
    told = claims(spending(pd.DataFrame([a_run("m", flops=6e13), a_run("n", flops=6e14)])))
    assert len(told) == len(KNOWN) * (len(PUBLISHED) + 2)
    for row in told.to_dict("records"):
        assert row["flops"] == pytest.approx(6 * row["weights"] * row["pretraining"])
        assert row["unlearning_flops"] == pytest.approx(6 * row["weights"] * row["tokens"])
        assert row["ratio"] == pytest.approx(row["flops"] / row["unlearning_flops"])
        assert row["cheap"] == ("yes" if row["ratio"] > 1e5 else "no")
    ours = told[~told["published"]]
    assert list(ours["unlearning"].unique()) == ["m, here", "n, here"]
    assert set(ours["tokens"]) == {1e7, 1e8}


def test_what_was_not_measured_claims_nothing():
    told = claims(spending(pd.DataFrame([a_run("m")])))
    assert told["published"].all()
