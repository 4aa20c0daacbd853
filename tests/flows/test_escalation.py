"""What is tried, in which order, and with which configuration; that each try is real is tested
with whole events in ``test_deletion``."""

from types import SimpleNamespace

import pytest

from flows import escalation
from flows.config import RunConfig
from flows.escalation import MoreSteps, OtherPreset, Retrain, escalated, refuse_failed
from tasks.core.errors import GateError
from tasks.training.method import preset

RUN = RunConfig()


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """Every try with its configuration; ``passes_at`` is the number of the one that passes."""
    tries = SimpleNamespace(made=[], said=[], passes_at=0)

    def outcome(how, run):
        tries.made.append((how, run))
        verdict = SimpleNamespace(fingerprint=f"event-{len(tries.made)}")
        return SimpleNamespace(
            passed=len(tries.made) == tries.passes_at,
            event=SimpleNamespace(verdict=verdict),
            report=SimpleNamespace(path=tmp_path),
        )

    monkeypatch.setattr(escalation, "unlearning", lambda run: outcome("unlearning", run))
    monkeypatch.setattr(escalation, "retraining", lambda run: outcome("retraining", run))
    monkeypatch.setattr(
        escalation, "emit_event", lambda name, resource, payload: tries.said.append((name, payload))
    )
    return tries


def test_what_passes_at_once_is_not_tried_again(tried):
    tried.passes_at = 1
    assert escalated(RUN, (Retrain(),)).passed
    assert tried.made == [("unlearning", RUN)]
    assert tried.said == []


def test_tries_are_made_in_their_order_until_one_passes_each_from_the_run_itself(tried):
    tried.passes_at = 3
    ladder = (OtherPreset(preset="npo_kl"), MoreSteps(factor=1.5), Retrain())
    assert escalated(RUN, ladder).passed
    assert [how for how, _ in tried.made] == ["unlearning"] * 3
    configured = [run.unlearn for _, run in tried.made]
    assert configured[1] == RUN.unlearn.model_copy(update={"method": preset("npo_kl")})
    assert configured[2].method == RUN.unlearn.method
    assert configured[2].steps == round(1.5 * RUN.unlearn.steps)
    assert [payload["after"] for _, payload in tried.said] == [
        "next: other_preset",
        "next: more_steps",
    ]


def test_when_nothing_passes_the_last_outcome_says_so_and_where_its_report_is(tried, tmp_path):
    outcome = escalated(RUN, (Retrain(),))
    assert [how for how, _ in tried.made] == ["unlearning", "retraining"]
    assert tried.said[-1] == (
        "lethe.gate.failed",
        {"event": "event-2", "after": "nothing is left to try", "requests": []},
    )
    with pytest.raises(GateError, match="nothing that was tried passes the gate") as refused:
        refuse_failed(RUN, outcome)
    assert str(tmp_path / "report.html") in str(refused.value)


def test_an_outcome_that_passes_is_not_refused(tried):
    tried.passes_at = 1
    refuse_failed(RUN, escalated(RUN, ()))
