import math

import pytest

from tasks.training.stop import Alike, AllSteps, End, Gap, ended

BEFORE = {
    "step": 0, "forget_nll": 1.0, "retain_nll": 2.0, "approximate_nll": 3.0,
    "forget_gap": 4.0, "approximate_gap": 1.0, "forget_auc": 1.0,
}  # fmt: skip


def told(step, **changed):
    return {**BEFORE, "step": step, **changed}


def test_all_steps_go_on_and_keep_the_last():
    assert ended(AllSteps(), [BEFORE, told(1), told(2, forget_nll=3.0)]) == End("", 2)


def test_before_the_first_step_there_is_only_that():
    assert ended(Alike(), [BEFORE]) == End("", 0)


@pytest.mark.parametrize(("auc", "reason"), [(0.56, ""), (0.55, "alike"), (0.2, "alike")])
def test_alike_stops_where_forget_text_is_no_likelier(auc, reason):
    assert Alike(margin=0.05).reason(told(1, forget_auc=auc), BEFORE) == reason


@pytest.mark.parametrize(("gap", "reason"), [(1.1, ""), (1.0, "gap"), (-3.0, "gap")])
def test_gap_stops_where_the_true_token_leads_as_on_text_never_seen(gap, reason):
    assert Gap().reason(told(1, forget_gap=gap), BEFORE) == reason


@pytest.mark.parametrize("stop", [Alike(retain_factor=2.0), Gap(retain_factor=2.0)])
def test_every_rule_stops_where_retain_text_costs_too_much(stop):
    # a factor of 2 in perplexity is log 2 = 0.693 nats
    assert stop.reason(told(1, retain_nll=2.69), BEFORE) == ""
    assert stop.reason(told(1, retain_nll=2.70), BEFORE) == "retain"
    assert stop.reason(told(1, retain_nll=math.nan), BEFORE) == "retain"


def test_excess_is_the_worse_share_of_the_two_allowances():
    stop = Alike(forget_factor=math.e, utility_factor=math.e)  # allowances of 1 nat each
    assert stop.excess(BEFORE, BEFORE) == pytest.approx(2.0)  # |1 - 3|
    assert stop.excess(told(1, forget_nll=2.7), BEFORE) == pytest.approx(0.3)
    assert stop.excess(told(1, forget_nll=3.3), BEFORE) == pytest.approx(0.3)  # beyond as well
    assert stop.excess(told(1, forget_nll=3.0, retain_nll=2.5), BEFORE) == pytest.approx(0.5)
    assert stop.excess(told(1, forget_nll=math.inf), BEFORE) == math.inf


def test_the_step_nearest_to_the_gate_is_kept_not_the_one_that_overshot():
    way = [BEFORE, told(1, forget_nll=2.0), told(2, forget_nll=2.9), told(3, forget_nll=5.0)]
    assert ended(Alike(), way) == End("", 2)
    way[-1]["forget_auc"] = 0.0
    assert ended(Alike(), way) == End("alike", 2)


def test_a_step_that_was_not_probed_is_not_judged():
    way = [BEFORE, told(1, forget_auc=0.0, forget_nll=2.9), {"step": 2}]
    assert ended(Alike(), way) == End("", 1)
    assert ended(Alike(), [BEFORE, {"step": 1}]) == End("", 1)


def test_a_run_that_forgets_too_slowly_is_stopped_when_it_is_due_and_not_before():
    # a tenth of the way from 1 to 3 nats is 0.2
    stop = Alike(due_step=10, due_share=0.1)
    assert stop.reason(told(9, forget_nll=1.0), BEFORE) == ""
    assert stop.reason(told(10, forget_nll=1.19), BEFORE) == "slow"
    assert stop.reason(told(10, forget_nll=1.21), BEFORE) == ""
    assert stop.reason(told(10, forget_nll=math.nan), BEFORE) == "slow"
    assert Alike(due_step=1).reason(told(10, forget_nll=0.5), BEFORE) == ""
