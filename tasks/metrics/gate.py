"""The gate: has the model forgotten, does it not tell that it has, and is it still of use?

All three, or it fails. The measure is a model that never saw the text: the *retrained* one where
there is one; else the *approximate* split, never seen and like the forgotten text, as the target
knows it (arXiv:2402.15159). As the target does, not the unlearned model: a model that was destroyed
finds both equally strange. What may be missed is missed on both sides, for knowing less than a
model that never saw the text is a trace as well.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from tasks import metrics
from tasks.core.errors import ConfigError
from tasks.core.event import Role, Split
from tasks.core.variants import Section, nearest

Scores = Mapping[Split, Mapping[str, float]]
"""What one model scores: split, metric, value."""

Attacks = Mapping[str, Mapping[str, float]]
"""What each attack achieves on one model: the fields of ``statistics.Standing``."""

Comparator = Literal["retrained", "approximate"]
INTERVAL = ("auc", "auc_low", "auc_high")
_WORDS: dict[Comparator, str] = {
    "retrained": "the retrained model's",
    "approximate": "the target's on the approximate split",
}


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return metrics.known_attacks(names)  # looked up late: the package discovers this file first


class GateConfig(Section):
    """How near to a model that never saw the text is near enough."""

    forget_factor: float = Field(
        default=1.5,
        gt=1,
        le=10,
        description="forget perplexity over the never-saw-it model's, and the other way round",
    )
    forgotten_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="of the way from the target's forget perplexity to the never-saw-it model's, "
        "in logarithms, that must be behind",
    )
    memorisation_margin: float = Field(
        default=0.1, gt=0, le=1, description="in exact memorisation, either way; share of tokens"
    )
    extraction_margin: float = Field(
        default=0.05, gt=0, le=1, description="in extraction strength, either way; share of tokens"
    )
    attacks: Annotated[tuple[str, ...], AfterValidator(_known)] = Field(
        default=("loss", "min_k_20"), description="membership attacks to withstand, by name"
    )
    auc_margin: float = Field(
        default=0.05, ge=0, le=0.5, description="allowed between the AUC intervals, either way"
    )
    utility_factor: float = Field(
        default=1.2,
        ge=1,
        le=10,
        description="retain, general and test perplexity over the target's, at most",
    )


class Reason(NamedTuple):
    """One rule, and the numbers it was judged by; infinite where a side is open."""

    rule: str
    passed: bool
    message: str
    value: float
    low: float
    high: float


class Verdict(NamedTuple):
    """Whether every rule passed, and what the model was held against."""

    passed: bool
    comparator: Comparator
    reasons: tuple[Reason, ...]


def judge(
    scores: Mapping[Role, Scores], attacks: Mapping[Role, Attacks], config: GateConfig
) -> Verdict:
    """Every rule of the gate over the scores and attacks of the target, the unlearned model and,
    where there is one, the retrained model.

    Raises:
        ConfigError: what a rule reads was not measured, or there is nothing to compare with.
    """
    comparator: Comparator = "retrained" if "retrained" in scores else "approximate"
    reasons = (
        _finite(scores, attacks),
        *forgetting(scores, comparator, config),
        *(_privacy(attacks, name, comparator, config) for name in config.attacks),
        *_utility(scores, config),
    )
    return Verdict(all(reason.passed for reason in reasons), comparator, reasons)


def forgetting(
    scores: Mapping[Role, Scores], comparator: Comparator, config: GateConfig
) -> list[Reason]:
    """The rules on how well the forgotten text is known, of all of it or of a part."""
    return [
        *_unlikely(scores, comparator, config),
        _unlearned(scores, comparator, "exact_memorisation", config.memorisation_margin),
        _unlearned(scores, comparator, "extraction_strength", config.extraction_margin),
    ]


def _unlikely(
    scores: Mapping[Role, Scores], comparator: Comparator, config: GateConfig
) -> list[Reason]:
    value = _score(scores, "unlearned", "forget", "perplexity")
    before = _score(scores, "target", "forget", "perplexity")
    never = _never_saw(scores, comparator, "perplexity")
    factor, share = config.forget_factor, config.forgotten_share
    against = f"{_WORDS[comparator]} {never:.4g}"
    return [
        _between(
            "forget_perplexity",
            f"forget perplexity {value:.4g}, held against {against}, a factor of {factor:g} "
            "either way",
            (value, never / factor, never * factor),
        ),
        _between(
            "forgotten",
            f"forget perplexity {value:.4g}, to be {share:.0%} of the way from the target's "
            f"{before:.4g} to {against}",
            (value, _on_the_way(before, never, share), math.inf),
        ),
    ]


def _unlearned(
    scores: Mapping[Role, Scores], comparator: Comparator, metric: str, margin: float
) -> Reason:
    value = _score(scores, "unlearned", "forget", metric)
    never = _never_saw(scores, comparator, metric)
    message = (
        f"forget {metric.replace('_', ' ')} {value:.3f}, held against {_WORDS[comparator]} "
        f"{never:.3f}, {margin:g} either way"
    )
    return _between(f"forget_{metric}", message, (value, never - margin, never + margin))


def _privacy(
    attacks: Mapping[Role, Attacks], name: str, comparator: Comparator, config: GateConfig
) -> Reason:
    value, low, high = _interval(attacks, "unlearned", name)
    if comparator == "retrained":
        _, floor, ceiling = _interval(attacks, "retrained", name)
        against = f"the retrained model's {floor:.3f} to {ceiling:.3f}"
    else:
        floor = ceiling = 0.5
        against = "chance, 0.5"
    floor, ceiling = floor - config.auc_margin, ceiling + config.auc_margin
    return Reason(
        f"membership_{name}",
        math.isfinite(value) and low <= ceiling and high >= floor,
        f"membership AUC of {name} {value:.3f} ({low:.3f} to {high:.3f}), held against {against}, "
        f"{config.auc_margin:g} either way",
        value,
        floor,
        ceiling,
    )


def _utility(scores: Mapping[Role, Scores], config: GateConfig) -> list[Reason]:
    reasons = []
    splits: tuple[Split, ...] = ("retain", "general", "test")
    for split in splits:
        value = _score(scores, "unlearned", split, "perplexity")
        before = _score(scores, "target", split, "perplexity")
        message = (
            f"{split} perplexity {value:.4g}, held against the target's {before:.4g}, "
            f"a factor of {config.utility_factor:g} at most"
        )
        bounds = (value, -math.inf, before * config.utility_factor)
        reasons.append(_between(f"{split}_perplexity", message, bounds))
    return reasons


def _finite(scores: Mapping[Role, Scores], attacks: Mapping[Role, Attacks]) -> Reason:
    """A number that is missing or infinite anywhere is a failure of its own."""
    lost = [
        f"{role} {split} {metric}"
        for role, splits in scores.items()
        for split, values in splits.items()
        for metric, value in values.items()
        if not math.isfinite(value)
    ] + [
        f"{role} {name} {field}"
        for role, standings in attacks.items()
        for name, standing in standings.items()
        for field in INTERVAL
        if not math.isfinite(standing[field])
    ]
    named = f": {', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}" if lost else ""
    message = f"scores missing or infinite {len(lost)}{named}"
    return _between("finite", message, (float(len(lost)), 0.0, 0.0))


def _between(rule: str, message: str, bounds: tuple[float, float, float]) -> Reason:
    """``bounds`` is value, low, high; what is not finite is never between."""
    value, low, high = bounds
    return Reason(rule, math.isfinite(value) and low <= value <= high, message, *bounds)


def _on_the_way(start: float, end: float, share: float) -> float:
    """The perplexity that far up from ``start`` to ``end`` in nats; NaN if either is not finite.

    ``end`` where it is the lower: a target that knows less than it has nothing to forget.
    """
    if not (math.isfinite(start) and math.isfinite(end)):
        return math.nan
    return min(end, math.exp(math.log(start) + share * (math.log(end) - math.log(start))))


def _never_saw(scores: Mapping[Role, Scores], comparator: Comparator, metric: str) -> float:
    """What a model that never saw the forgotten text scores on it, or on text just like it."""
    if comparator == "retrained":
        return _score(scores, "retrained", "forget", metric)
    return _score(scores, "target", "approximate", metric)


def _score(scores: Mapping[Role, Scores], role: Role, split: Split, metric: str) -> float:
    if role not in scores:
        raise ConfigError(f"no {role} model was evaluated: the gate has nothing to compare with")
    if split not in scores[role]:
        raise ConfigError(f"the {role} model was not evaluated on the {split} split")
    if metric not in scores[role][split]:
        raise ConfigError(f"the gate reads {metric}: add it to evaluate.metrics")
    return scores[role][split][metric]


def _interval(attacks: Mapping[Role, Attacks], role: Role, name: str) -> tuple[float, ...]:
    if role not in attacks:
        raise ConfigError(f"no {role} model was attacked: the gate has nothing to compare with")
    if name not in attacks[role]:
        raise ConfigError(
            f"gate.attacks={name}: not among attack.attacks{nearest(name, attacks[role])}"
        )
    return tuple(attacks[role][name][field] for field in INTERVAL)
