"""How much of the gate's allowances a model has spent: the one number a search makes small.

The gate says yes or no, and no alike to a near miss and to a ruin; a search must know which of two
failures is the nearer. Of every rule: how far the model is from the middle of what is allowed, as a
share of the way to the bound. While all pass the worst counts. Beyond, what each rule has overspent
counts, for none pays for another: the worst alone would be blind where it is an attack that finds
every document, as it does until long after all else has changed. So the number is at most 1 if and
only if the gate passes.
"""

import math
from collections.abc import Mapping

from tasks.core.event import Role
from tasks.metrics.gate import Attacks, GateConfig, Reason, Scores, judge

MEMBERSHIP = "membership_"


def spent(
    scores: Mapping[Role, Scores], attacks: Mapping[Role, Attacks], config: GateConfig
) -> float:
    """The worst rule's share of its allowance, at most 1; else 1 and what all overspent on average.

    Infinite where a score is missing or infinite. Arguments and errors are those of ``judge``.
    """
    finite, *reasons = judge(scores, attacks, config).reasons
    if not finite.passed:
        return math.inf
    shares = [share(reason, attacks["unlearned"], config) for reason in reasons]
    overspent = sum(max(one - 1, 0.0) for one in shares) / len(shares)
    return 1 + overspent if overspent else max(shares)


def share(reason: Reason, unlearned: Attacks, config: GateConfig) -> float:
    """Of one rule; perplexities are compared in nats.

    Where a side is open there is no middle: a factor of ``forget_factor`` in perplexity, before the
    bound or behind it, counts as one allowance. An attack that passes by its interval does so here.
    """
    value, low, high = reason.value, reason.low, reason.high
    if reason.rule.startswith(MEMBERSHIP):
        standing = unlearned[reason.rule.removeprefix(MEMBERSHIP)]
        low -= standing["auc_high"] - value
        high += value - standing["auc_low"]
    elif reason.rule == "forgotten" or reason.rule.endswith("perplexity"):
        value, low, high = (_log(number) for number in (value, low, high))
    if math.isinf(low):
        return 1 + (value - high) / math.log(config.forget_factor)
    if math.isinf(high):
        return 1 + (low - value) / math.log(config.forget_factor)
    away, allowed = abs(value - (low + high) / 2), (high - low) / 2
    return away / allowed if allowed else (math.inf if away else 0.0)


def _log(number: float) -> float:
    return math.log(number) if math.isfinite(number) else number
