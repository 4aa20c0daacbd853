"""How much of a grid of settings a method survives, with an interval, and the claim about it.

The claim of arXiv:2402.15159: ascent with descent on in-distribution text is the most robust to its
hyper-parameters. Two readings of a method, each of one order of the documents of one request (a
unit) over all learning rates:

- ``passes``: the share of its learning rates that pass the gate;
- ``span``: the decades of learning rate over which forget perplexity is in the gate's region and
  the model is not destroyed. It says something where nothing passes.

The rule: a reading of CLAIMANT is set against that of every other method, unit by unit, by an exact
test of flipped signs of the mean difference, one-sided each way, p-values by Holm over the other
methods. The claim holds where it is above every one of them at 2.5 %, does not hold here where one
of them is above it at 2.5 %, and is undecided otherwise. Units that share a request share a corpus
and two models: the test says what another order of the documents would do, not another corpus.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from tasks.metrics.evidence import Floats
from tasks.metrics.holm import holm

CONFIDENCE = 0.95
LEVEL = (1 - CONFIDENCE) / 2
CLAIMANT = "ascent_descent"
REGION = 1.5
"""Forget perplexity over the never-saw-it model's, either way; the gate's own default."""

DESTROYED = 2.0
"""Test perplexity over the target's from which on a model is called destroyed."""

STEPS_PER_DECADE = 1000
LARGEST = 16
"""Units beyond which signs are drawn, 2^16 of them with seed 0, instead of all being tried."""

Verdict = Literal["holds", "does not hold here", "undecided"]
Outcome = Literal["passes", "in region", "out of region", "destroyed"]


class Share(NamedTuple):
    """Passing points of a grid."""

    passed: int
    of: int
    share: float
    low: float
    high: float


def share(passed: int, of: int) -> Share:
    """``passed`` of ``of`` points (at least one), with the Wilson interval of 95 %.

    The points are taken as independent draws, which neighbouring learning rates are not: the
    interval is a narrow one.
    """
    interval = binomtest(passed, of).proportion_ci(CONFIDENCE, "wilson")
    return Share(passed, of, passed / of, float(interval.low), float(interval.high))


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each method, over all requests and for each: the share of its runs that pass the gate."""
    groups = [
        *((("all", method), runs) for method, runs in rows.groupby("method", sort=False)),
        *rows.groupby(["request", "method"], sort=False),
    ]
    return pd.DataFrame(
        [
            {"method": method, "request": request, **share(sum(runs["pass"]), len(runs))._asdict()}
            for (request, method), runs in groups
        ]
    )


def outcome(passed: bool, forget_factor: float, test_factor: float) -> Outcome:
    """What became of one point of the grid; without a test perplexity the model is destroyed."""
    if passed:
        return "passes"
    if not test_factor <= DESTROYED:
        return "destroyed"
    return "in region" if 1 / REGION <= forget_factor <= REGION else "out of region"


def outcomes(rows: pd.DataFrame) -> list[Outcome]:
    """What became of every cell of a study."""
    points = zip(rows["pass"], rows["forget_factor"], rows["test_factor"], strict=True)
    return [outcome(*point) for point in points]


def span(rates: Sequence[float], forget_factors: Floats, test_factors: Floats) -> float:
    """Decades of learning rate with the forget perplexity in REGION and no model DESTROYED.

    Between two rates both factors are taken as straight in logarithms; a factor that is not known
    (the loss diverged) makes both stretches beside it count for nothing.
    """
    order = np.argsort(rates)
    decade = np.log10(np.asarray(rates, dtype=np.float64)[order])
    if not np.ptp(decade):
        return 0.0
    at = np.linspace(decade[0], decade[-1], 1 + round(STEPS_PER_DECADE * np.ptp(decade)))
    middle = (at[:-1] + at[1:]) / 2
    with np.errstate(invalid="ignore"):
        forget, test = (
            np.interp(middle, decade, np.log(np.asarray(values, dtype=np.float64)[order]))
            for values in (forget_factors, test_factors)
        )
        usable = (np.abs(forget) <= np.log(REGION)) & (test <= np.log(DESTROYED))
    return float(usable.mean() * np.ptp(decade))


READINGS = {
    "passes": "share of learning rates that pass the gate",
    "span": "decades of learning rate with forget perplexity in the gate's region and the model "
    "not destroyed",
}


def readings(rows: pd.DataFrame) -> pd.DataFrame:
    """``passes`` and ``span`` of every method for every request and seed, from a study's cells."""
    found = [
        {
            "request": request,
            "seed": seed,
            "method": method,
            "passes": float(runs["pass"].mean()),
            "span": span(
                runs["learning_rate"].tolist(),
                runs["forget_factor"].to_numpy(np.float64),
                runs["test_factor"].to_numpy(np.float64),
            ),
        }
        for (request, seed, method), runs in rows.groupby(["request", "seed", "method"], sort=False)
    ]
    return pd.DataFrame(found)


class Beside(NamedTuple):
    """The claimant's reading less another method's, over units; p-values by Holm."""

    reading: str
    method: str
    units: int
    difference: float
    p_above: float
    p_below: float


def beside(read: pd.DataFrame, reading: str) -> list[Beside]:
    """The claimant against every other method, over the units that both have."""
    wide = read.pivot(index=["request", "seed"], columns="method", values=reading)
    if CLAIMANT not in wide:
        return []
    pairs = {
        name: (wide[CLAIMANT] - wide[name]).dropna().to_numpy()
        for name in read["method"].unique()
        if name != CLAIMANT
    }
    above = holm([flipped(difference) for difference in pairs.values()])
    below = holm([flipped(-difference) for difference in pairs.values()])
    return [
        Beside(reading, name, len(d), float(d.mean()) if len(d) else np.nan, up, down)
        for (name, d), up, down in zip(pairs.items(), above.tolist(), below.tolist(), strict=True)
    ]


def judged(found: Sequence[Beside]) -> Verdict:
    """The rule, on one reading."""
    if any(one.p_below <= LEVEL for one in found):
        return "does not hold here"
    return "holds" if found and all(one.p_above <= LEVEL for one in found) else "undecided"


def flipped(difference: Floats) -> float:
    """How often a mean as large comes about where each sign is a coin's; NaN without a unit."""
    n = len(difference)
    if not n:
        return np.nan
    if n <= LARGEST:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    else:
        drawn = np.random.default_rng(0).choice((1.0, -1.0), size=(2**LARGEST, n))
        signs = np.vstack([np.ones(n), drawn])
    means = signs @ difference
    return float((means >= means[0] - 1e-12 * np.abs(difference).sum()).mean())
