"""A trial in numbers, on records as the steps leave them."""

import json
import math

import pytest

from tasks.core.record import Record
from tasks.metrics.gate import GateConfig
from tasks.training.stop import Alike, AllSteps
from tasks.weigh import given_up, weigh

STOP = Alike(forget_factor=math.e, utility_factor=math.e)  # allowances of 1 nat each
BEFORE = {"step": 0, "forget_nll": 1.0, "retain_nll": 2.0, "approximate_nll": 4.0, "loss": None}


def told(step, forget, retain):
    return {**BEFORE, "step": step, "forget_nll": forget, "retain_nll": retain}


@pytest.fixture
def unlearned(tmp_path):
    """Makes what training leaves: its way, why it stopped and what it kept."""

    def make(stopped, kept, *way):
        lines = "".join(json.dumps(line) + "\n" for line in (BEFORE, *way))
        (tmp_path / "progress.jsonl").write_text(lines)
        spent = {
            "steps": len(way),
            "kept_step": kept,
            "tokens": 9,
            "seconds": 1,
            "stopped": stopped,
        }
        (tmp_path / "training.json").write_text(json.dumps(spent))
        return Record(kind="model", fingerprint="m0", path=tmp_path)

    return make


def test_a_trial_whose_retain_loss_rose_too_far_is_given_up_with_how_far_it_came(unlearned):
    # kept step 1: 2 nats short on forget, 0.25 spent on retain: the worse is 2
    lost = given_up.fn(unlearned("retain", 1, told(1, 2.0, 2.25), told(2, 3.0, 9.0)), STOP)
    assert lost.reason == "retain"
    assert lost.figures["spent"] == pytest.approx(2.0)
    assert lost.figures["forget_factor"] == pytest.approx(math.exp(2 - 4))
    assert lost.figures["retain_factor"] == pytest.approx(math.exp(0.25))
    assert (lost.figures["kept_step"], lost.figures["steps"]) == (1, 2)


def test_a_trial_that_kept_a_step_within_the_bounds_is_judged_all_the_same(unlearned):
    # kept step 1: 0.5 nats short on forget, 0.5 spent on retain
    assert given_up.fn(unlearned("retain", 1, told(1, 3.5, 2.5), told(2, 4, 9)), STOP).reason == ""


def test_a_trial_that_forgets_too_slowly_is_given_up(unlearned):
    assert given_up.fn(unlearned("slow", 1, told(1, 1.1, 2.0)), STOP).reason == "slow"


@pytest.mark.parametrize(("stopped", "stop"), [("alike", STOP), ("", STOP), ("", AllSteps())])
def test_a_trial_that_ended_as_it_should_is_judged(unlearned, stopped, stop):
    assert given_up.fn(unlearned(stopped, 1, told(1, 1.0, 2.0)), stop).reason == ""


def test_a_ruin_beyond_all_numbers_has_no_factor(unlearned):
    lost = given_up.fn(unlearned("retain", 1, told(1, 9e3, 9e3)), STOP)
    assert "retain_factor" not in lost.figures
    assert lost.figures["spent"] == pytest.approx(9e3 - 2)


def test_a_verdict_in_numbers(an_event):
    event = an_event()
    unlearned = event.models["unlearned"]
    spent = {"steps": 40, "kept_step": 38, "tokens": 9, "seconds": 1}
    (unlearned.path / "training.json").write_text(json.dumps(spent))
    judged = weigh.fn(event.verdict, unlearned, GateConfig())
    scores = json.loads((event.verdict.path / "scores.json").read_text())
    told = json.loads((event.verdict.path / "verdict.json").read_text())
    assert judged.passed == told["pass"] == (judged.fails_on == "")
    assert (judged.figures["spent"] <= 1) == judged.passed
    assert judged.figures["forget_factor"] == pytest.approx(
        scores["unlearned"]["forget"]["perplexity"] / scores["retrained"]["forget"]["perplexity"]
    )
    assert judged.figures["test_factor"] == pytest.approx(1.0)  # the levels are the same
    assert judged.figures["kept_step"] == 38
