"""What the methods of a study spent, beside retraining here and training of known models."""

import pandas as pd

from tasks.metrics.pretraining import KNOWN, PUBLISHED, Unlearning, equivalent

SPENT = (
    "tokens",
    "flops",
    "seconds",
    "joules",
    "peak_memory_gib",
    "ratio",
    "seconds_ratio",
    "parameters",
    "retrain_flops",
    "retrain_seconds",
    "retrain_joules",
)
"""What is known of a run's cost, as in ``cost.Cost``."""


def spending(rows: pd.DataFrame) -> pd.DataFrame:
    """Medians over a method's runs, beside retraining here and, as 6 N D, of known models."""
    spent = rows.groupby("method", sort=False)[list(SPENT)].median().reset_index()
    pairs = zip(spent["flops"], spent["parameters"], strict=True)
    spent["equivalent"] = [equivalent(flops, parameters) for flops, parameters in pairs]
    for known in KNOWN:
        spent[known.name] = known.ratio(1) / spent["equivalent"]
    return spent


def retraining(rows: pd.DataFrame) -> dict[str, float]:
    """What training again took, the median over requests, by the column it stands beside."""
    return {
        name.removeprefix("retrain_"): float(rows.groupby("request")[name].median().median())
        for name in ("retrain_flops", "retrain_seconds", "retrain_joules")
    }


def claims(spent: pd.DataFrame) -> pd.DataFrame:
    """Whether unlearning is over 10^5 times cheaper: published runs and ours, by known model."""
    ours = spent.dropna(subset=["equivalent"]).sort_values("equivalent")
    ends = [] if ours.empty else [ours.iloc[0], ours.iloc[-1]][: len(ours)]
    runs = [
        *PUBLISHED,
        *(Unlearning(f"{end['method']}, here", end["equivalent"], published=False) for end in ends),
    ]
    return pd.DataFrame(
        [
            {
                "unlearning": run.name,
                "published": run.published,
                "tokens": run.tokens,
                "model": known.name,
                "weights": known.weights,
                "pretraining": known.tokens,
                "flops": known.flops,
                "unlearning_flops": known.flops / known.ratio(run.tokens),
                "ratio": known.ratio(run.tokens),
                "cheap": known.cheap(run.tokens),
            }
            for run in runs
            for known in KNOWN
        ]
    )
