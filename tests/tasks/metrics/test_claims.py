import math

import numpy as np
import pytest

from tasks.metrics.claims import CLAIMS, Claim, Finding, Groups, judged, overall
from tasks.metrics.forgetting import Reached

SLOWER, CHEAPER, DECAY, MEMORY, DIFFICULTY = CLAIMS


def reached(steps, lost=0.1, damage=0.2):
    whole = np.ones(200)
    return Reached(
        start=whole,
        steps=np.resize(steps, 200),
        lost=whole * lost,
        end=whole * 0,
        damage=whole * damage,
    )


def groups(most=10.0, least=2.0, easy=5.0, hard=5.0, **known):
    return Groups(reached(most, **known), reached(least), reached(easy), reached(hard))


def verdict(claim: Claim, ours: Groups, natural: Groups):
    return judged(claim, {"natural": natural, "canary": ours}, "natural")["canary"].verdict


@pytest.mark.parametrize(
    ("claim", "better", "worse"),
    [
        (SLOWER, {"most": 12.0}, {"most": 8.0}),
        (CHEAPER, {"lost": 0.05}, {"lost": 0.3}),
        (DECAY, {"damage": 0.1}, {"damage": 0.4}),
        (MEMORY, {"most": 3.0}, {"most": 1.0}),
    ],
)
def test_a_claim_holds_one_way_and_is_contradicted_the_other(claim, better, worse):
    assert verdict(claim, groups(**better), groups()) == "holds"
    assert verdict(claim, groups(**worse), groups()) == "does not hold here"


def test_difficulty_matters_either_way_or_is_undecided():
    assert verdict(DIFFICULTY, groups(hard=9.0), groups()) == "holds"
    assert verdict(DIFFICULTY, groups(hard=1.0), groups()) == "holds"
    assert verdict(DIFFICULTY, groups(), groups()) == "undecided"


def test_ninety_seven_and_a_half_percent_of_the_resamples_are_enough_and_fewer_are_not():
    natural = groups(most=10.0)
    assert verdict(SLOWER, groups(most=[12.0] * 195 + [8.0] * 5), natural) == "holds"
    assert verdict(SLOWER, groups(most=[12.0] * 194 + [8.0] * 6), natural) == "undecided"


def test_never_is_later_than_any_step_but_two_nevers_cannot_be_compared():
    assert verdict(SLOWER, groups(most=math.inf), groups()) == "holds"
    assert verdict(SLOWER, groups(most=math.inf), groups(most=math.inf)) == "undecided"


def test_natural_text_is_compared_with_itself_by_readings_and_difficulty_only():
    kinds = {"natural": groups(), "canary": groups()}
    assert [set(judged(claim, kinds, "natural")) for claim in CLAIMS] == [
        {"canary"}, {"canary"}, {"canary"}, {"natural", "canary"}, {"natural", "canary"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "undecided"),
        (["holds", "does not hold here"], "does not hold here"),
        ([], "undecided"),
    ],
)
def test_a_claim_about_all_kinds_needs_each_and_falls_with_one(verdicts, told):
    assert overall({str(at): Finding(0, 0, one) for at, one in enumerate(verdicts)}) == told
