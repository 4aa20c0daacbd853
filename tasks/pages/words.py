"""What the numbers mean, said to somebody who answers for privacy and not for models."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tasks.pages.told import Told

NOT_MEASURED = "not measured"
MEMBERSHIP = "membership_"
"""What the rules about attacks begin with."""

MEANINGS = {
    "finite": "No number is missing or infinite",
    "forget_perplexity": "The forgotten text surprises it as much as a model that never saw it",
    "forgotten": "It has moved far enough from what it knew before",
    "forget_exact_memorisation": "It guesses as many next tokens of the text as a model that never "
    "saw it",
    "forget_extraction_strength": "It finishes no more of the text by itself than a model that "
    "never saw it",
    "retain_perplexity": "Similar text that must stay is still known",
    "general_perplexity": "Text of other kinds is still known",
    "test_perplexity": "Text it has never seen is predicted as well as before",
}


Attacks = Mapping[str, Mapping[str, float]]


class Answer(NamedTuple):
    """One of the questions a gate settles."""

    title: str
    passed: bool
    words: str


class Judged(NamedTuple):
    """A rule of the gate, in words, with what was found and what was allowed."""

    meaning: str
    passed: bool
    found: str
    allowed: str
    message: str


def number(value: float | None) -> str:
    """Four significant digits; thousands apart; what is not finite was not measured."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def share(value: float | None) -> str:
    """A number from 0 to 1, to the thousandth."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.3f}"


def between(ends: Mapping[str, float], written: Callable[[float | None], str] = number) -> str:
    """Where a figure lies; empty where that is not known."""
    low, high = ends.get("low", math.nan), ends.get("high", math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    return f"{written(low)} to {written(high)}" if known else ""


def brief(ends: Mapping[str, float]) -> str:
    """``between`` of figures that are not negative, short enough for eleven columns."""
    low, high = ends.get("low", math.nan), ends.get("high", math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    return f"{_brief(low)}-{_brief(high)}" if known else ""


def _brief(value: float) -> str:
    return f"{value:.2f}" if value < 10 else number(float(f"{value:.3g}"))


def percent(value: float | None) -> str:
    """A share of documents, in percent."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{100 * value:.3g} %"


def apart(standing: Mapping[str, float]) -> str:
    """Kolmogorov-Smirnov distance with its p-value, corrected for all attacks of a model."""
    distance, p_value = (standing.get(name, math.nan) for name in ("ks", "ks_p_holm"))
    if not (math.isfinite(distance) and math.isfinite(p_value)):
        return NOT_MEASURED
    return f"{distance:.2f} (p {p_value:.2g})"


def interval(standing: Mapping[str, float]) -> str:
    """An AUC and how sure it is."""
    auc, low, high = (standing.get(name, math.nan) for name in ("auc", "auc_low", "auc_high"))
    if not math.isfinite(auc):
        return NOT_MEASURED
    sure = math.isfinite(low) and math.isfinite(high)
    return f"{auc:.2f} ({f'{low:.2f} to {high:.2f}' if sure else f'interval {NOT_MEASURED}'})"


def headline(told: Told) -> tuple[str, str]:
    """The verdict in a line, and what it means for whoever must decide."""
    documents, tokens = told.plan["documents"], told.plan["tokens"]
    about = f"{documents:,} document{'s' * (documents != 1)} ({tokens:,} tokens)"
    if told.verdict["pass"]:
        return (
            "Forgotten, as far as was measured",
            f"The model was made to forget {about}. On them it now behaves {never(told)}, and "
            "it still works on everything else that was tried. What was not tried is listed below.",
        )
    failed = [answer.title.lower() for answer in answers(told) if not answer.passed]
    return (
        "Not passed: do not release this model as having forgotten",
        f"The model was made to forget {about}. It fails on {_and(failed)}; the numbers are below.",
    )


def never(told: Told) -> str:
    """What the model is held against."""
    if told.retrained:
        return "like a model trained again without them"
    return "as it did before on similar documents it had never seen"


def answers(told: Told) -> list[Answer]:
    """Forgetting, privacy, usefulness, each in a sentence; and, where it fails, measurement."""
    reasons = told.verdict["reasons"]
    forget = [one for one in reasons if one["rule"].startswith("forg")]
    privacy = [one for one in reasons if one["rule"].startswith(MEMBERSHIP)]
    useful = [one for one in reasons if one["rule"] in USEFUL]
    lost = [one for one in reasons if one["rule"] == "finite" and not one["passed"]]
    return [
        Answer("Forgetting", _all(forget), _forgetting(forget)),
        Answer("Privacy", _all(privacy), _privacy(privacy)),
        Answer("Usefulness", _all(useful), _usefulness(useful)),
        *(Answer("Measurement", False, "Some numbers are missing or infinite.") for _ in lost),
    ]


def price(told: Told) -> str:
    """What training again would have taken, beside what forgetting took."""
    cost = told.verdict["cost"]
    parts = {"arithmetic": cost["ratio"], "time": cost["seconds_ratio"]}
    known = [f"{value:,.3g} times the {of}" for of, value in parts.items() if math.isfinite(value)]
    if not known:
        return f"What training again without the text would have cost: {NOT_MEASURED}."
    return f"Training again without the text took {_and(known)} of forgetting."


def exposed(told: Told) -> str:
    """How much more the model says of the forgotten documents than it should, in a sentence."""
    one = told.exposure["roles"]["unlearned"][told.exposure["measure"]]
    like = (
        "a model trained again without them does"
        if one["comparator"] == "retrained"
        else "it does about similar documents it never saw"
    )
    low, high, never = one["low"], one["high"], one["never_seen"]
    if not all(math.isfinite(value) for value in (low, high, never)):
        return f"Whether it knows more about the forgotten documents than {like}: {NOT_MEASURED}."
    knows = "can neither be shown to know more nor less"
    if low > never:
        knows = "still knows more"
    if high < never:
        knows = "knows less"
    return (
        f"On average the model {knows} about the forgotten documents than {like}; "
        f"{percent(one['above'])} of them are above that level."
    )


def goes_along(told: Told) -> str:
    """Which documents were forgotten further, in a sentence."""
    found = told.exposure["goes_along_with"]
    by = {
        "memorisation": "Documents it had remembered better",
        "difficulty": "those that are harder to predict",
    }
    said = [_further(found.get(name, math.nan), which) for name, which in by.items()]
    return f"{_and(said)}."


def _further(correlation: float, which: str) -> str:
    if not math.isfinite(correlation):
        return f"{which}: {NOT_MEASURED}"
    way = "about as far as others" if abs(correlation) < FAINT else "further"
    way = "less far" if correlation <= -FAINT else way
    return f"{which} were forgotten {way} (rank correlation {correlation:.2f})"


FAINT = 0.2
"""A rank correlation that explains less than a twentieth of the differences in rank."""

USEFUL = ("retain_perplexity", "general_perplexity", "test_perplexity")


def judged(told: Told) -> list[Judged]:
    """Every rule of the gate."""
    return [
        Judged(
            meaning(one["rule"]),
            one["passed"],
            *_figures(one, told.attacks["unlearned"]),
            one["message"],
        )
        for one in told.verdict["reasons"]
    ]


def _figures(reason: Mapping[str, Any], attacks: Attacks) -> tuple[str, str]:
    """What was found and what was allowed; of an attack it is the interval that counts."""
    attack = reason["rule"].removeprefix(MEMBERSHIP)
    if attack == reason["rule"]:
        return number(reason["value"]), _range(reason["low"], reason["high"])
    allowed = f"{share(reason['low'])} to {share(reason['high'])}"
    return interval(attacks[attack]), f"interval to reach {allowed}"


def unmeasured(told: Told) -> list[tuple[str, str]]:
    """What this report says nothing about, and what that leaves open."""
    absent = (
        "A model trained again without the text",
        "There is none. The measure is similar text the target never saw, a weaker one: the two "
        "may differ in ways that have nothing to do with forgetting. What retraining would have "
        "cost is not known either.",
    )
    return [*([] if told.retrained else [absent]), *_few(told), *UNMEASURED]


UNMEASURED = [
    ("Relearning", "Whether a little further training brings the text back."),
    ("Quantisation", "Whether the text comes back when the weights are stored in fewer bits."),
    (
        "Extraction by sampling",
        "No text was generated. Extraction strength and memorisation are read off the "
        "probabilities of the true next tokens; many sampled answers may show more.",
    ),
    ("Meaning", "Paraphrases, translations and facts from the text: only its wording was tested."),
    ("Stronger attacks on membership", "Those that train models of their own."),
    (
        "What lies elsewhere",
        "Other versions of the model, models derived from it, backups, and copies of the text "
        "outside the corpora or reworded beyond recognition.",
    ),
]


def _few(told: Told) -> Iterable[tuple[str, str]]:
    standings = [one for by_name in told.attacks.values() for one in by_name.values()]
    if any(math.isnan(one.get("tpr_at_1pct_fpr", math.nan)) for one in standings):
        yield (
            "Membership at very few false accusations",
            "Where the table says so there were too few documents: a rate of 1 % needs 100.",
        )


def _forgetting(reasons: list[Mapping[str, Any]]) -> str:
    failed = [one for one in reasons if not one["passed"]]
    if not failed:
        return "On the forgotten text it stands where a model that never saw it would."
    knows = [one for one in failed if one["rule"] in PERPLEXITY and one["value"] < one["low"]]
    knows += [one for one in failed if one["rule"] in SHARES and one["value"] > one["high"]]
    if knows:
        return "It still knows the text better than a model that never saw it."
    if any(math.isfinite(one["value"]) for one in failed):
        return "It knows less of the text than a model that never saw it: a trace of its own."
    return "It could not be measured."


PERPLEXITY = ("forget_perplexity", "forgotten")
SHARES = ("forget_exact_memorisation", "forget_extraction_strength")


def _privacy(reasons: list[Mapping[str, Any]]) -> str:
    failed = [one for one in reasons if not one["passed"]]
    if not reasons:
        return "No attack was part of the verdict."
    if not failed:
        return "The forgotten documents cannot be told from similar ones better than is allowed."
    if any(one["value"] > one["high"] for one in failed):
        return "The forgotten documents can still be told apart as text it was trained on."
    if any(one["value"] < one["low"] for one in failed):
        return "The forgotten documents stand out as text it avoids: that, too, gives them away."
    return "It could not be measured."


def _usefulness(reasons: list[Mapping[str, Any]]) -> str:
    failed = [one["rule"].removesuffix("_perplexity") for one in reasons if not one["passed"]]
    if not failed:
        return "On text that was not to be forgotten it is as good as before, within the limit."
    return f"The model is damaged: it predicts the {_and(failed)} text worse than is allowed."


def _all(reasons: Iterable[Mapping[str, Any]]) -> bool:
    return all(one["passed"] for one in reasons)


def meaning(rule: str) -> str:
    """A rule of the gate in words."""
    attack = rule.removeprefix(MEMBERSHIP)
    if attack != rule:
        return f"An attacker cannot pick out what it was trained on ({attack.replace('_', ' ')})"
    return MEANINGS.get(rule, rule.replace("_", " "))


def _range(low: float, high: float) -> str:
    if low == high:
        return number(low)
    if math.isfinite(high) and low > 0:
        return f"{number(low)} to {number(high)}"
    if math.isfinite(low) and not math.isfinite(high):
        return f"at least {number(low)}"
    return f"at most {number(high)}" if math.isfinite(high) else "not known"


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


STOPPED = {
    "alike": "text to be forgotten was no likelier than similar text it never saw",
    "gap": "it was no surer of text to be forgotten than of similar text it never saw",
    "retain": "similar text that must stay had lost more than was allowed",
    "slow": "less was forgotten than was due by then",
}


def ending(told: Told) -> str:
    """Where training ended, if not at its last step with that step's weights."""
    reason, kept = told.spent["unlearned"].get("stopped", ""), told.kept_step
    if reason:
        end = f"Training stopped after step {told.steps[-1]['step']:.0f}, where {STOPPED[reason]}."
    else:
        end = "Every step was taken."
    if told.steps and kept < told.steps[-1]["step"]:
        return f"{end} The weights are those of step {kept:.0f}, the nearest to what the gate asks."
    return end if reason else ""
