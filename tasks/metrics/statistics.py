"""How well a membership score tells members from non-members, and how sure that is.

Everything is by document. A score that is NaN (nothing scored) is left out and not counted. No
figure is turned round: an AUC below one half says that members look *less* like members, which
after unlearning is a tell of its own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from tasks.core.variants import Section
from tasks.metrics.evidence import Floats

# Resamples drawn at once hold at most this many counts (32 MiB), however many documents there are.
COUNTS_AT_ONCE = 2**22


class Standing(NamedTuple):
    """What an attack achieves; NaN where there are too few documents to say."""

    auc: float
    auc_low: float
    auc_high: float
    tpr_at_1pct_fpr: float
    tpr_at_1pct_fpr_low: float
    tpr_at_1pct_fpr_high: float
    tpr_at_5pct_fpr: float
    tpr_at_5pct_fpr_low: float
    tpr_at_5pct_fpr_high: float
    smallest_fpr: float
    members: int
    nonmembers: int


class Sides(NamedTuple):
    """An attack's scores of members and of non-members; [documents] each."""

    members: Floats
    nonmembers: Floats


class Sampling(NamedTuple):
    """How a bootstrap is drawn, and how sure its interval is to be."""

    resamples: int
    confidence: float
    seed: int


class Sampled(Section):
    """How sure the figures of a step are to be."""

    resamples: int = Field(
        default=1000, ge=100, le=100_000, description="bootstrap resamples of the documents"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="of every interval")
    seed: int = Field(default=0, ge=0, description="of the resamples")

    @property
    def sampling(self) -> Sampling:
        """The same, for the functions that draw."""
        return Sampling(self.resamples, self.confidence, self.seed)


class Interval(NamedTuple):
    """Where a figure lies, as sure as its sampling says; NaN where that is not known."""

    low: float
    high: float


UNKNOWN = Interval(np.nan, np.nan)


class Curve(NamedTuple):
    """Corners of the receiver operating characteristic, from (0, 0) to (1, 1)."""

    fpr: Floats
    tpr: Floats


def standing(members: Floats, nonmembers: Floats, sampling: Sampling) -> Standing:
    """AUC and TPR at two FPRs, with their percentile intervals over documents."""
    members, nonmembers = scored(members), scored(nonmembers)
    area, at_1pct, at_5pct = intervals(members, nonmembers, sampling, (0.01, 0.05))
    return Standing(
        auc=auc(members, nonmembers),
        auc_low=area.low,
        auc_high=area.high,
        tpr_at_1pct_fpr=tpr_at_fpr(members, nonmembers, 0.01),
        tpr_at_1pct_fpr_low=at_1pct.low,
        tpr_at_1pct_fpr_high=at_1pct.high,
        tpr_at_5pct_fpr=tpr_at_fpr(members, nonmembers, 0.05),
        tpr_at_5pct_fpr_low=at_5pct.low,
        tpr_at_5pct_fpr_high=at_5pct.high,
        smallest_fpr=smallest_fpr(nonmembers.size),
        members=members.size,
        nonmembers=nonmembers.size,
    )


def scored(scores: Floats) -> Floats:
    """``scores`` without NaN."""
    return scores[~np.isnan(scores)]


def auc(members: Floats, nonmembers: Floats) -> float:
    """Chance that a member scores above a non-member, a tie counting half (Mann-Whitney U)."""
    if not members.size or not nonmembers.size:
        return np.nan
    nonmembers = np.sort(nonmembers)
    below = np.searchsorted(nonmembers, members, side="left")
    up_to = np.searchsorted(nonmembers, members, side="right")
    return float((below + up_to).mean() / 2 / nonmembers.size)


def tpr_at_fpr(members: Floats, nonmembers: Floats, fpr: float) -> float:
    """Share of members above the threshold that at most ``fpr`` of the non-members pass.

    NaN with fewer than 1 / ``fpr`` non-members: not even one of them may then be mistaken.
    """
    mistaken = _mistaken(nonmembers.size, fpr)
    if not members.size or mistaken < 1:
        return np.nan
    threshold = np.sort(nonmembers)[nonmembers.size - 1 - mistaken]
    return float((members > threshold).mean())


def smallest_fpr(nonmembers: int) -> float:
    """1 / n, the smallest false-positive rate above 0 that n non-members can show; NaN of none."""
    return 1 / nonmembers if nonmembers else np.nan


def intervals(
    members: Floats, nonmembers: Floats, sampling: Sampling, rates: Sequence[float] = ()
) -> list[Interval]:
    """Percentile bootstrap of the AUC, then of the TPR at each FPR of ``rates``.

    Members and non-members are each drawn anew, documents as the unit; every figure is of the same
    resamples. NaN with fewer than two documents on a side, of which no resample can differ, and
    for a rate that so few non-members cannot show. With few documents an interval is somewhat too
    narrow (by a factor of about sqrt(1 - 1/n)), and where the scores do not overlap at all it is a
    point. A TPR hangs on the few non-members that score highest: where fewer than about ten of
    them may be mistaken its interval says little more than that.
    """
    if min(members.size, nonmembers.size) < 2:
        return [UNKNOWN] * (1 + len(rates))
    blocks = _resampled(members, nonmembers, sampling, rates)
    return [percentile(drawn, sampling) for drawn in np.concatenate(list(blocks), axis=1)]


def mean_interval(values: Floats, sampling: Sampling) -> Interval:
    """Percentile bootstrap of the mean of ``values``, documents as the unit; NaN of fewer than two.

    As narrow as ``intervals`` where documents are few.
    """
    (interval,) = ratio_intervals(values[:, None], np.ones((values.size, 1)), sampling)
    return interval


def ratio_intervals(above_DM: Floats, below_DM: Floats, sampling: Sampling) -> list[Interval]:
    """Percentile bootstrap of sum(above) / sum(below) of each column; D documents, M measures.

    A document is drawn with everything it adds to both sums, so that a long one weighs in a share
    of tokens what it weighs in the figure itself. All columns are of the same resamples. NaN of
    fewer than two documents, and where what is drawn is not finite.
    """
    documents = len(above_DM)
    if documents < 2:
        return [UNKNOWN] * above_DM.shape[1]
    rng = np.random.default_rng(sampling.seed)
    ratios = []
    for rows in _blocks(sampling.resamples, documents):
        drawn = _counts(documents, rows, rng)
        with np.errstate(invalid="ignore"):  # 0 draws of an infinite loss are NaN, and stay so
            ratios.append((drawn @ above_DM) / (drawn @ below_DM))
    return [percentile(column, sampling) for column in np.concatenate(ratios).T]


def roc(members: Floats, nonmembers: Floats) -> Curve:
    """TPR against FPR as the threshold falls; points on a straight line between others dropped."""
    members, nonmembers = scored(members), scored(nonmembers)
    if not members.size or not nonmembers.size:
        return Curve(np.empty(0), np.empty(0))
    thresholds = np.unique(np.concatenate([members, nonmembers]))
    passed = [
        np.append(side.size - np.searchsorted(np.sort(side), thresholds), 0)[::-1]
        for side in (members, nonmembers)
    ]
    true, false = passed
    turn = np.diff(true)[1:] * np.diff(false)[:-1] != np.diff(true)[:-1] * np.diff(false)[1:]
    corner = np.concatenate([[True], turn, [True]])
    return Curve(false[corner] / nonmembers.size, true[corner] / members.size)


def resampled_aucs(members: Floats, nonmembers: Floats, sampling: Sampling) -> Floats:
    """The AUC of every resample; the same documents for the same numbers of them and sampling."""
    if min(members.size, nonmembers.size) < 2:
        return np.full(sampling.resamples, np.nan)
    return np.concatenate([aucs for (aucs,) in _resampled(members, nonmembers, sampling, ())])


def _resampled(
    members: Floats, nonmembers: Floats, sampling: Sampling, rates: Sequence[float]
) -> Iterator[Floats]:
    """The AUC and the TPR at each of ``rates`` of each resample, in blocks; [1 + rates, rows].

    A resample is how often each document is drawn. With both sides in order, running sums of the
    counts say how many non-members lie below each member, which non-member is the threshold, and
    how many members lie above it.
    """
    rng = np.random.default_rng(sampling.seed)
    nonmembers = np.sort(nonmembers)
    below = np.searchsorted(nonmembers, members, side="left")
    up_to = np.searchsorted(nonmembers, members, side="right")
    order = np.argsort(members, kind="stable")
    passed = np.searchsorted(members[order], nonmembers, side="right")
    for rows in _blocks(sampling.resamples, members.size + nonmembers.size):
        drawn = _counts(members.size, rows, rng)
        others = _counts(nonmembers.size, rows, rng)
        running = _running(others)
        wins = (drawn * (running[:, below] + running[:, up_to])).sum(axis=1) / 2
        ordered = _running(drawn[:, order])
        found = [wins / (members.size * nonmembers.size)]
        for rate in rates:
            mistaken = _mistaken(nonmembers.size, rate)
            # counted from the top, the first non-member that may not be mistaken any more
            threshold = (running <= nonmembers.size - mistaken - 1).sum(axis=1) - 1
            above = members.size - ordered[np.arange(rows), passed[threshold]]
            found.append(above / members.size if mistaken else np.full(rows, np.nan))
        yield np.array(found)


def _mistaken(nonmembers: int, fpr: float) -> int:
    """How many non-members a false-positive rate of ``fpr`` lets through."""
    return int(fpr * nonmembers + 1e-9)


def _blocks(resamples: int, documents: int) -> list[int]:
    """How many resamples are drawn at once, each time."""
    at_once = max(COUNTS_AT_ONCE // documents, 1)
    return [min(at_once, resamples - at) for at in range(0, resamples, at_once)]


def _running(counts: Floats) -> Floats:
    """Sums of the first 0, 1, ... of ``counts``; [rows, documents + 1]."""
    running = np.zeros((counts.shape[0], counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=running[:, 1:])
    return running


def percentile(drawn: Floats, sampling: Sampling) -> Interval:
    """Where the middle of what was drawn lies; NaN where any of it is not finite."""
    if not np.isfinite(drawn).all():
        return UNKNOWN
    level = (1 - sampling.confidence) / 2
    return Interval(*map(float, np.quantile(drawn, [level, 1 - level])))


def _counts(documents: int, rows: int, rng: np.random.Generator) -> Floats:
    """How often each document is drawn, of as many draws with replacement; [rows, documents]."""
    drawn = rng.integers(documents, size=(rows, documents))
    drawn += np.arange(rows)[:, None] * documents
    counts = np.bincount(drawn.ravel(), minlength=rows * documents)
    return counts.reshape(rows, documents).astype(np.float64)
