import json
import math

import numpy as np
import pytest

from tasks.metrics.exposed import exposed, leaks, rank_correlation
from tasks.metrics.reading import Reading
from tasks.metrics.statistics import Sampling, Sides

SAMPLING = Sampling(resamples=100, confidence=0.9, seed=0)
FACTS = [{"author": ["A"], "group": "g", "date": "2017"}] * 4


def read_by(evidence_of, forget, like=(2.5, 3.5, 4.5)):
    return Reading(
        *(evidence_of(logp=[[-x] if x else [] for x in losses]) for losses in (forget, like))
    )


@pytest.fixture
def told(evidence_of):
    """Nats per token of four documents, the last without a token."""
    return {
        "target": read_by(evidence_of, (1, 1.5, 4, None)),
        "unlearned": read_by(evidence_of, (3, 2, 5, None)),
        "retrained": read_by(evidence_of, (3, 3, 4.5, None)),
    }


def test_the_targets_exposure_is_what_it_remembered_and_the_unlearned_models_what_is_left(told):
    roles = exposed(told, FACTS, SAMPLING)["roles"]
    # 3 - 1, 3 - 1.5, 4.5 - 4
    assert roles["target"]["generalised"]["mean"] == pytest.approx(4 / 3)
    # 3 - 3, 3 - 2, 4.5 - 5
    assert roles["unlearned"]["generalised"]["mean"] == pytest.approx(0.5 / 3)
    assert roles["unlearned"]["generalised"]["above"] == pytest.approx(1 / 3)
    assert roles["unlearned"]["generalised"]["unscored"] == 1


def test_relative_exposure_stands_beside_the_level_of_chance(told):
    one = exposed(told, FACTS, SAMPLING)["roles"]["unlearned"]["relative"]
    # ranks 2, 1 and 4 of four: 1, 2 and 0 bits; chance: (2 + 1 + log2(4/3)) / 4
    assert one["mean"] == pytest.approx(1)
    assert one["never_seen"] == pytest.approx((3 + math.log2(4 / 3)) / 4)
    assert (one["above"], one["above_never_seen"]) == pytest.approx((2 / 3, 0.5))


def test_every_number_names_what_it_is_held_against(told):
    found = exposed(told, FACTS, SAMPLING)
    named = {
        (measure, one["comparator"])
        for by in found["roles"].values()
        for measure, one in by.items()
    }
    assert named == {("generalised", "retrained"), ("relative", "approximate")}
    assert (found["comparator"], found["losses"]["comparator"]) == ("retrained", "retrained")


def test_losses_after_are_held_against_those_of_the_model_that_never_saw_the_text(told):
    # 2, 3, 5 beside 3, 3, 4.5: of nine pairs 2 loses three, 3 ties two and loses one, 5 wins three
    assert exposed(told, FACTS, SAMPLING)["losses"]["cliffs_delta"] == pytest.approx((3 - 4) / 9)


def test_forgetting_beside_memorisation_and_difficulty(told):
    along = exposed(told, FACTS, SAMPLING)["goes_along_with"]
    # forgotten 2, 0.5, 1: ranks 3, 1, 2; remembered 2, 1.5, 0.5: ranks 3, 2, 1; hard 3, 3, 4.5
    assert along["memorisation"] == pytest.approx(1 / 2)
    assert along["difficulty"] == pytest.approx(0)


def test_a_document_without_a_token_is_there_and_has_no_number(told):
    last = exposed(told, FACTS, SAMPLING)["documents"][-1]
    assert (last["doc_id"], last["tokens"]) == ("doc3", 0)
    assert all(
        math.isnan(value) for name, value in last.items() if name not in ("doc_id", "tokens")
    )


def test_without_a_retrained_model_nothing_that_needs_one_is_there(told):
    found = exposed({role: told[role] for role in ("target", "unlearned")}, FACTS, SAMPLING)
    assert (found["measure"], found["comparator"]) == ("relative", "approximate")
    assert found["losses"]["comparator"] == "approximate"
    assert "generalised" not in json.dumps(found)


def test_a_rank_correlation_needs_three_documents_that_differ():
    assert rank_correlation(np.array([1.0, 2, 9]), np.array([3.0, 5, 7])) == pytest.approx(1)
    assert math.isnan(rank_correlation(np.array([1.0, 2]), np.array([1.0, 2])))
    assert math.isnan(rank_correlation(np.array([1.0, 2, 3]), np.ones(3)))
    assert math.isnan(rank_correlation(np.array([1.0, np.nan, 3]), np.array([1.0, 2, 3])))


def test_a_leak_is_held_against_guessing_where_there_is_no_retrained_model():
    def won(wins):
        return {"loss": Sides(np.full(3, float(wins)), np.arange(10) + 0.5)}

    found = leaks({"target": won(10), "unlearned": won(9)}, SAMPLING)["loss"]
    assert (found["percent"], found["comparator"]) == (pytest.approx(-80), "guessing")
    # 100 (0.6 - 0.9) / 0.4
    found = leaks({"unlearned": won(9), "retrained": won(6)}, SAMPLING)["loss"]
    assert (found["percent"], found["comparator"]) == (pytest.approx(-75), "retrained")
