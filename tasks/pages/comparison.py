"""The pages of a study: shares that pass and what they say of the claim, cost and what it says."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from tasks.pages.markdown import markdown


class Asked(NamedTuple):
    """A reading of robustness and what came of it."""

    meaning: str
    verdict: str
    means: pd.DataFrame
    """A row a method: mean, min, max."""
    beside: Sequence[dict[str, Any]]
    """The claimant beside each of the other methods."""


def robustness(shares: pd.DataFrame, asked: Sequence[Asked]) -> str:
    """Shares that pass by request, then the claim by each reading."""
    parts = [
        markdown(shares, SHARES),
        "## Is ascent with descent on in-distribution text the most robust to the learning rate?\n",
        "By the rule in `tasks/metrics/robustness.py`.\n",
    ]
    for one in asked:
        parts.append(f"**{one.meaning[0].upper()}{one.meaning[1:]}: {one.verdict}.**\n")
        parts.append(markdown(_beside(one), BESIDE))
    return "\n".join(parts)


def _beside(asked: Asked) -> pd.DataFrame:
    unknown = dict.fromkeys(("units", "difference", "p_above", "p_below"), math.nan)
    by_name = {one["method"]: one for one in asked.beside}
    means = asked.means.to_dict("records")
    return pd.DataFrame([{**unknown, **by_name.get(row["method"], {}), **row} for row in means])


def cost(spent: pd.DataFrame, retraining: Mapping[str, float], claims: pd.DataFrame) -> str:
    """What each method took, then the claim that unlearning is over 10^5 times cheaper."""
    models = [str(name) for name in claims["model"].unique()]
    again = [
        f"{retraining[name]:.3g} {title}"
        for name, title in SPENT.items()
        if not math.isnan(retraining.get(name, math.nan))
    ]
    published = claims[claims["published"]]
    held = [
        str(name) for name, rows in published.groupby("model") if (rows["cheap"] == "yes").all()
    ]
    titles = {name: f"retraining {name} / this, 6 N D" for name in models}
    limits = claims.drop_duplicates("model").set_index("model")["pretraining"] / 1e5
    return "\n".join(
        [
            markdown(spent, {"method": "method", **SPENT, **MORE, **titles}),
            "Medians over a method's runs. Peak memory on a CPU is that of the whole process, "
            "libraries included; energy is that of the GPUs, or of all that the machine's "
            "processors did meanwhile; a dash was not measured. Equivalent tokens: FLOP / 6 N, so "
            "that a token only read, at 2 N, counts as a third of one trained on. Training again "
            f"here took {', '.join(again) or 'what is not known'}.\n",
            "## Is unlearning over 10^5 times cheaper than training again?\n",
            f"**For the published runs: holds for {', '.join(held) or 'no model'}, "
            f"does not hold for {', '.join(sorted({*models} - {*held})) or 'none'}.**\n",
            markdown(claims, CLAIMS),
            "Each row: training again takes 6 x N x D, unlearning 6 x N x tokens, and the ratio is "
            "D / tokens. N cancels out: it holds for unlearning on fewer than D / 10^5 tokens, "
            f"{', '.join(f'{name} {limit:.3g}' for name, limit in limits.items())}.\n",
        ]
    )


SHARES = {
    "method": "method",
    "request": "request",
    "passed": "runs that pass",
    "of": "of",
    "share": "share",
    "low": "95 % from",
    "high": "to",
}
BESIDE = {
    "method": "method",
    "mean": "mean over requests and seeds",
    "min": "least",
    "max": "most",
    "difference": "ascent_descent less this",
    "units": "requests x seeds",
    "p_above": "p that it is not above",
    "p_below": "p that it is not below",
}
SPENT = {
    "tokens": "tokens",
    "flops": "FLOP",
    "seconds": "seconds",
    "joules": "joules",
    "peak_memory_gib": "peak memory, GiB",
}
"""What a figure shows too."""

MORE = {
    "parameters": "N",
    "equivalent": "equivalent tokens",
    "ratio": "retraining here / this, FLOP",
    "seconds_ratio": "retraining here / this, seconds",
}
CLAIMS = {
    "unlearning": "unlearning",
    "tokens": "tokens",
    "model": "model",
    "weights": "N",
    "pretraining": "D",
    "flops": "6 N D",
    "unlearning_flops": "6 N tokens",
    "ratio": "D / tokens",
    "cheap": "over 10^5",
}
