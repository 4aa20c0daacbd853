"""PrivLeak: how far an attack is from what it does on a model that never saw the text.

Shi et al. 2024, *MUSE*, arXiv:2407.06460, in the sign of OpenUnlearning, arXiv:2506.12618.
"""

from typing import NamedTuple

import numpy as np

from tasks.metrics.evidence import Floats
from tasks.metrics.statistics import (
    Sampling,
    Sides,
    auc,
    percentile,
    resampled_aucs,
    scored,
)


class PrivLeak(NamedTuple):
    """With the AUCs it comes from; in all of them 1 says that forgotten looks like member."""

    percent: float
    low: float
    high: float
    auc: float
    auc_never: float


GUESSING = 0.5
"""The AUC of an attack on a model about which nothing is known."""


def priv_leak(model: Sides, never: Sides | None, sampling: Sampling) -> PrivLeak:
    """100 ((1 - AUC) - (1 - AUC_never)) / (1 - AUC_never), percent; NaN where AUC_never is 1.

    0 is ideal, far below 0 still remembered, far above 0 forgotten too far. ``never`` is the same
    attack on the retrained model, or None where there is none: then AUC_never is 0.5. Both are of
    the same documents, which are drawn anew for both at once.
    """
    ours, theirs = (_aucs(model, sampling), _aucs(never, sampling) if never else None)
    if theirs is None:
        theirs = np.full_like(ours, GUESSING)
    with np.errstate(divide="ignore", invalid="ignore"):
        percents = 100 * (theirs - ours) / (1 - theirs)
    percents = np.where(theirs == 1, np.nan, percents)
    interval = percentile(percents[1:], sampling)
    return PrivLeak(float(percents[0]), *interval, float(ours[0]), float(theirs[0]))


def _aucs(sides: Sides, sampling: Sampling) -> Floats:
    """As measured, then of every resample; [1 + resamples]."""
    members, nonmembers = map(scored, sides)
    return np.append(auc(members, nonmembers), resampled_aucs(members, nonmembers, sampling))
