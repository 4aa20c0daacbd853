import math

import numpy as np
import pytest

from tasks.metrics.answers import Answers, usefulness
from tasks.metrics.statistics import Sampling

SAMPLING = Sampling(400, 0.95, 0)


def answers(values, chance=0.25):
    return [Answers("t", "acc", chance, 0, [str(at) for at in range(len(values))], values)]


def test_a_change_is_the_mean_over_items_of_what_each_gained_or_lost():
    told = {"target": answers([1, 1, 1, 0]), "unlearned": answers([1, 0, 0, 1])}
    (found,) = usefulness(told, SAMPLING)
    assert found.scores["target"].mean == pytest.approx(3 / 4)
    assert found.changes["target"].mean == pytest.approx((0 - 1 - 1 + 1) / 4)
    assert found.changes.keys() == {"target"}


def test_pairs_are_kept_together_when_items_are_drawn():
    # both right or wrong on the same items: nothing changed, and that is certain
    values = np.random.default_rng(0).integers(2, size=50).tolist()
    told = {"target": answers(values), "unlearned": answers(values), "retrained": answers(values)}
    (found,) = usefulness(told, SAMPLING)
    assert found.changes == {"target": (0, 0, 0), "retrained": (0, 0, 0)}
    assert found.scores["target"].low < found.scores["target"].high


def test_a_target_at_chance_can_lose_nothing_and_that_is_said():
    guesses = [1, 0, 0, 0] * 20
    for values, chance, tells in (
        (guesses, 0.25, False), ([1, 1, 1, 0] * 20, 0.25, True), (guesses, math.nan, True)
    ):  # fmt: skip
        told = {role: answers(values, chance) for role in ("target", "unlearned")}
        assert usefulness(told, SAMPLING)[0].tells == tells


def test_answers_to_different_questions_are_not_compared():
    with pytest.raises(AssertionError):
        usefulness({"target": answers([1, 0]), "unlearned": answers([1])}, SAMPLING)
