import copy
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.core.event import SPLITS
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
    return {"loss": standing, "min_k_20": standing, "zlib": standing}


TARGET = (model(forget=2.0, memorised=0.9, extracted=0.5), attacked(0.97))
NEVER_SAW = (model(), attacked(0.5))
DESTROYED = (model(forget=1e6, others=9e5, memorised=0.0, extracted=0.0), attacked(0.5))


def verdict(unlearned, retrained=NEVER_SAW, config=CONFIG):
    by_role = {"target": TARGET, "unlearned": unlearned}
    if retrained is not None:
        by_role["retrained"] = retrained
    scores = {role: scores for role, (scores, _) in by_role.items()}
    attacks = {role: attacks for role, (_, attacks) in by_role.items()}
    return judge(scores, attacks, config)


def failed(found):
    return {reason.rule for reason in found.reasons if not reason.passed}


@pytest.mark.parametrize("retrained", [NEVER_SAW, None])
def test_a_model_left_untouched_fails_on_forgetting_and_privacy(retrained):
    assert failed(verdict(TARGET, retrained)) == {
        "forgotten",
        "forget_perplexity",
        "forget_exact_memorisation",
        "forget_extraction_strength",
        "membership_loss",
        "membership_min_k_20",
    }


@pytest.mark.parametrize("retrained", [NEVER_SAW, None])
def test_a_model_destroyed_by_ascent_fails_on_utility_and_for_knowing_too_little(retrained):
    found = failed(verdict(DESTROYED, retrained))
    assert found >= {"retain_perplexity", "general_perplexity", "test_perplexity"}
    assert found >= {"forget_perplexity", "forget_exact_memorisation"}
    assert "forgotten" not in found  # forgotten it has


@pytest.mark.parametrize("retrained", [NEVER_SAW, None])
def test_a_model_equal_to_one_that_never_saw_the_text_passes(retrained):
    found = verdict(NEVER_SAW, retrained)
    assert found.passed
    assert failed(found) == set()


perplexities = st.floats(1.01, 1e4)
shares = st.floats(0, 1)
models = st.builds(
    lambda ppl, memorised, extracted, auc: (
        model(forget=ppl, memorised=memorised, extracted=extracted),
        attacked(auc),
    ),
    perplexities,
    shares,
    shares,
    shares,
)


@given(models)
def test_whatever_the_retrained_model_is_its_equal_passes(retrained):
    assert verdict(retrained, retrained).passed


@given(models)
def test_a_target_that_knows_the_text_at_all_never_passes_untouched(retrained):
    never_saw = retrained[0]["forget"]["perplexity"]
    assume(never_saw > TARGET[0]["forget"]["perplexity"] * (1 + 1e-9))
    assert "forgotten" in failed(verdict(TARGET, retrained))


@given(models, st.floats(1.21, 100))
def test_a_model_that_lost_its_use_never_passes(unlearned, damage):
    scores = copy.deepcopy(unlearned[0])
    scores["retain"]["perplexity"] = TARGET[0]["retain"]["perplexity"] * damage
    assert "retain_perplexity" in failed(verdict((scores, unlearned[1])))


@pytest.mark.parametrize(
    ("perplexity", "passes"),
    # a factor of 1.5 about 20: 13.33 to 30
    [(13.3, False), (13.4, True), (29.9, True), (30.1, False)],
)
def test_forget_perplexity_is_bounded_by_a_factor_on_both_sides(perplexity, passes):
    found = failed(verdict((model(forget=perplexity), attacked(0.5))))
    assert ("forget_perplexity" not in found) == passes


@pytest.mark.parametrize(("perplexity", "passes"), [(6.3, False), (6.4, True)])
def test_half_of_the_way_in_logarithms_must_be_behind(perplexity, passes):
    # from 2 to 20: sqrt(2 * 20) = 6.32
    found = failed(verdict((model(forget=perplexity), attacked(0.5))))
    assert ("forgotten" not in found) == passes


@pytest.mark.parametrize(
    ("auc", "passes"),
    # retrained 0.46 to 0.54 with 0.05 either way: 0.41 to 0.59; unlearned reaches 0.04 either way
    [(0.36, False), (0.38, True), (0.62, True), (0.64, False)],
)
def test_membership_must_meet_the_retrained_models_interval_from_either_side(auc, passes):
    assert ("membership_loss" not in failed(verdict((model(), attacked(auc))))) == passes


@pytest.mark.parametrize(
    ("auc", "passes"),
    # chance with 0.05 either way: 0.45 to 0.55; unlearned reaches 0.04 either way
    [(0.40, False), (0.42, True), (0.58, True), (0.60, False)],
)
def test_without_a_retrained_model_membership_must_meet_chance(auc, passes):
    found = verdict((model(), attacked(auc)), retrained=None)
    assert ("membership_loss" not in failed(found)) == passes


def test_without_a_retrained_model_the_target_on_the_approximate_split_is_the_measure():
    found = verdict((model(forget=55.0, others=55.0), attacked(0.5)), retrained=None)
    reason = {reason.rule: reason for reason in found.reasons}["forget_perplexity"]
    assert found.comparator == "approximate"
    # the unlearned model finds the approximate split just as strange (55), the target did not (20)
    assert (reason.passed, reason.low, reason.high) == (False, 20 / 1.5, 20 * 1.5)
    assert "target's on the approximate split 20" in reason.message


def test_a_better_model_is_no_failure_of_utility():
    assert verdict((model(others=5.0), attacked(0.5))).passed


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_number_that_is_not_finite_fails_under_its_own_name(lost):
    scores = model()
    scores["approximate"]["exact_memorisation"] = lost
    found = verdict((scores, attacked(0.5)))
    assert failed(found) == {"finite"}
    message = found.reasons[0].message
    assert message == "scores missing or infinite 1: unlearned approximate exact_memorisation"


def test_what_is_not_finite_passes_no_rule_that_reads_it():
    scores = model(forget=math.nan, memorised=math.nan, extracted=math.inf, others=math.nan)
    passed = {r.rule for r in verdict((scores, attacked(math.nan))).reasons if r.passed}
    assert passed == set()


def test_only_the_attacks_it_names_are_judged_but_no_interval_may_be_missing():
    attacks = attacked(0.5)
    attacks["zlib"] = {"auc": 0.9, "auc_low": 0.8, "auc_high": 1.0}
    assert verdict((model(), attacks)).passed
    attacks["zlib"] = {"auc": 0.9, "auc_low": math.nan, "auc_high": math.nan}
    assert failed(verdict((model(), attacks))) == {"finite"}


def test_every_reason_says_its_numbers():
    for reason in verdict((model(forget=17.125), attacked(0.515))).reasons:
        if reason.rule == "forget_perplexity":
            assert "17.12" in reason.message
            assert "20" in reason.message
        if reason.rule == "membership_loss":
            assert "0.515 (0.475 to 0.555)" in reason.message
            assert "0.460 to 0.540" in reason.message


@pytest.mark.parametrize("missing", ["target", "unlearned"])
def test_comparing_without_a_baseline_raises(missing):
    scores = {"target": TARGET[0], "unlearned": NEVER_SAW[0]}
    attacks = {"target": TARGET[1], "unlearned": NEVER_SAW[1]}
    del scores[missing], attacks[missing]
    with pytest.raises(ConfigError, match=f"no {missing} model"):
        judge(scores, attacks, CONFIG)


def test_a_metric_that_was_not_measured_is_named():
    scores = copy.deepcopy(NEVER_SAW[0])
    for values in scores.values():
        del values["extraction_strength"]
    with pytest.raises(ConfigError, match=r"extraction_strength: add it to evaluate\.metrics"):
        verdict((scores, attacked(0.5)))


def test_an_attack_that_was_not_tried_is_named():
    with pytest.raises(ConfigError, match=r"gate\.attacks=min_k_40.*did you mean 'min_k_20'"):
        verdict(NEVER_SAW, config=GateConfig(attacks=("min_k_40",)))


def test_an_unknown_attack_is_refused_and_the_nearest_offered():
    with pytest.raises(ValidationError, match=r"'lss' is no attack; did you mean 'loss'\?"):
        GateConfig(attacks=("lss",))


def test_a_gate_without_attacks_is_refused():
    with pytest.raises(ValidationError, match="one of: grad_norm, loss, min_k_20"):
        GateConfig(attacks=())


@pytest.mark.parametrize("field", sorted(GateConfig.model_fields))
def test_every_threshold_is_bounded_and_described(field):
    assert GateConfig.model_fields[field].description
    if field != "attacks":
        for value in (-1, 11):
            with pytest.raises(ValidationError):
                GateConfig.model_validate({field: value})
