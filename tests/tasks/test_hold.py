import pytest

from tasks.hold import hold
from tasks.metrics import scores


@pytest.fixture
def held(an_event):
    """What is found when the model of a role serves, long after the gate let the event through."""
    event = an_event()
    reasons = tuple(scores.read(event.verdict.path / "verdict.json")["reasons"])

    def make(role):
        return hold.fn("lethe-tiny/2", reasons, event.evidence[role], event.attacks[role])

    return make


def test_the_model_that_passed_the_gate_still_passes(held):
    assert held("unlearned").findings == ()


def test_a_model_that_knows_the_text_again_is_found_by_every_attack_of_the_gate(held):
    findings = held("target").findings
    assert [one.kind for one in findings] == ["membership", "membership"]
    assert {one.said.split(" is ")[0] for one in findings} == {
        "membership AUC of loss", "membership AUC of min_k_20",
    }  # fmt: skip


def test_the_figures_are_of_the_forgotten_and_of_the_never_seen_documents(held):
    figures = held("target").figures
    # told: losses around 1 nat for the forgotten, 3 for the others
    assert figures["forget"]["perplexity"] < figures["approximate"]["perplexity"]
    assert figures["attack"]["loss"]["auc"] > 0.99
