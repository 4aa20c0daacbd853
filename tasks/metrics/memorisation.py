"""How much of a document's likelihood is owed to having read that document.

Feldman 2020, arXiv:1906.05271, on folds: every model leaves one fold of the documents out, so each
document has one model without it and all the others with it. They differ in the rest of the fold
too, which is noise here, and is what a single leave-one-out would avoid at a model a document.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tasks.metrics.evidence import Floats
from tasks.metrics.statistics import scored


class Correlation(NamedTuple):
    """Spearman's, with its percentile interval over documents.

    NaN of fewer than four documents, or of a figure that is the same for all.
    """

    rho: float
    low: float
    high: float


def memorisation(losses_KD: Floats, fold_D: NDArray[np.int64]) -> Floats:
    """Loss without the document less the mean loss with it, in nats per token; [D].

    Row k of ``losses_KD`` is of the model that left fold k out; at least two rows.
    """
    folds, documents = losses_KD.shape
    without_D = losses_KD[fold_D, np.arange(documents)]
    with_D = (losses_KD.sum(0) - without_D) / (folds - 1)
    difference: Floats = without_D - with_D
    return difference


def correlation(one: Floats, other: Floats, resamples: int, seed: int) -> Correlation:
    """Spearman's rho of two figures of the same documents, and its 95 % bootstrap interval."""
    if one.size < 4:
        return Correlation(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn_RD = rng.integers(one.size, size=(resamples, one.size))
    rhos = scored(_rho(one[drawn_RD], other[drawn_RD]))
    low, high = np.quantile(rhos, [0.025, 0.975]) if rhos.size else (np.nan, np.nan)
    return Correlation(float(_rho(one[None], other[None])[0]), float(low), float(high))


def _rho(one_RD: Floats, other_RD: Floats) -> Floats:
    """Pearson's correlation of the ranks, row by row; NaN where a row has one value only."""
    ranks = [rankdata(values, axis=1) for values in (one_RD, other_RD)]
    first, second = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    with np.errstate(invalid="ignore"):
        rho: Floats = (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return rho
