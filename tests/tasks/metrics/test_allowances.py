"""Allowances by hand, with the models of the gate's own tests."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.event import SPLITS
from tasks.metrics.allowances import spent
from tasks.metrics.gate import GateConfig, judge

CONFIG = GateConfig()


def model(forget=20.0, others=20.0, memorised=0.2, extracted=0.01):
    """Scores of a model: one perplexity on the forget split, another everywhere else."""
    neutral = {"exact_memorisation": 0.2, "extraction_strength": 0.01}
    scores = {split: {"perplexity": others, **neutral} for split in SPLITS}
    scores["forget"] = {
        "perplexity": forget,
        "exact_memorisation": memorised,
        "extraction_strength": extracted,
    }
    return scores


def attacked(auc, width=0.04):
    standing = {"auc": auc, "auc_low": max(auc - width, 0), "auc_high": min(auc + width, 1)}
    return {"loss": standing, "min_k_20": standing}


TARGET = (model(forget=2.0, memorised=0.9, extracted=0.5), attacked(0.97))
NEVER_SAW = (model(), attacked(0.5))
DESTROYED = (model(forget=1e6, others=9e5, memorised=0.0, extracted=0.0), attacked(0.5))


def sides(unlearned):
    by_role = {"target": TARGET, "unlearned": unlearned, "retrained": NEVER_SAW}
    scores = {role: scores for role, (scores, _) in by_role.items()}
    return scores, {role: attacks for role, (_, attacks) in by_role.items()}


def of(*args, auc=0.5, **kwargs):
    return spent(*sides((model(*args, **kwargs), attacked(auc))), CONFIG)


def test_a_model_like_the_retrained_one_has_spent_what_utility_leaves_of_one_allowance():
    # utility is open below: 1.2 before its bound is log 1.2 / log 1.5 of an allowance
    assert of() == pytest.approx(1 - math.log(1.2) / math.log(1.5))


def test_forget_perplexity_spends_its_factor_on_either_side():
    # 20 x 1.5^0.9: nine tenths of the way to the bound, above and below
    assert of(forget=20 * 1.5**0.9) == pytest.approx(0.9)
    assert of(forget=20 / 1.5**0.9) == pytest.approx(0.9)
    # twice its allowance: one too much, of nine rules
    assert of(forget=20 * 1.5**2) == pytest.approx(1 + 1 / 9)


def test_utility_counts_in_the_same_unit():
    # retain, general and test at 20 x 1.2 x 1.5: one factor of 1.5 beyond the bound of 24 each
    assert of(others=20 * 1.2 * 1.5) == pytest.approx(1 + 3 / 9)


def test_memorisation_spends_its_margin():
    assert of(memorised=0.2 + 0.08) == pytest.approx(0.8)
    assert of(extracted=0.01 + 0.10) == pytest.approx(1 + 1 / 9)


def test_an_attack_spends_by_its_interval_as_the_gate_judges():
    # allowed: 0.46 - 0.05 to 0.54 + 0.05, and 0.04 more for the model's own interval: 0.5 +- 0.13
    assert of(auc=0.5 + 0.13) == pytest.approx(1.0)
    assert of(auc=0.5 - 0.26) == pytest.approx(1 + 2 / 9)  # by both attacks


def test_better_is_less():
    diverged = model()
    diverged["retain"] = {**diverged["retain"], "perplexity": math.nan}
    order = [
        of(),
        of(forget=20 * 1.5**0.9),
        of(forget=20 * 1.5**1.1),
        spent(*sides(TARGET), CONFIG),
        spent(*sides(DESTROYED), CONFIG),
        spent(*sides((diverged, attacked(0.5))), CONFIG),
    ]
    assert order == sorted(order)
    assert order[-1] == math.inf


def test_while_all_pass_the_worst_counts_and_beyond_what_passes_pays_for_nothing():
    assert of(forget=20 * 1.5**0.9, memorised=0.28) == of(forget=20 * 1.5**0.9)
    assert of(forget=20 * 1.5**2, memorised=0.28) == of(forget=20 * 1.5**2)


def test_an_attack_that_finds_every_document_does_not_hide_what_else_gets_better():
    assert of(forget=5.0, auc=1.0) > of(forget=9.0, auc=1.0) > of(forget=14.0, auc=1.0)


shares = st.floats(0, 1)


@given(
    forget=st.floats(1, 1e4), others=st.floats(1, 1e4), memorised=shares, extracted=shares,
    auc=shares, width=st.floats(0, 0.5),
)  # fmt: skip
def test_at_most_one_is_spent_if_and_only_if_the_gate_passes(
    forget, others, memorised, extracted, auc, width
):
    one = (model(forget, others, memorised, extracted), attacked(auc, width))
    share = spent(*sides(one), CONFIG)
    if abs(share - 1) > 1e-9:
        assert (share < 1) == judge(*sides(one), CONFIG).passed
