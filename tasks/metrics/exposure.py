"""Exposure: how much more a model says of a document than if it had never seen it.

Carlini et al. 2019, *The Secret Sharer*, arXiv:1802.08232, for canaries. Baluta et al. 2024,
*Unlearning in- vs. out-of-distribution data in LLMs*, arXiv:2411.04388, for documents: generalised
exposure needs a model that never saw them, relative exposure does not. The paper's formulas were
not at hand; these are our reading of it, and the comparator is named wherever a number appears.
"""

import math
from typing import NamedTuple

import numpy as np

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.statistics import Sampling, mean_interval, scored


class Chance(NamedTuple):
    """What the relative exposure of a document never seen comes to."""

    bits: float
    above: float
    """Share of such documents whose exposure is above the mean of them all."""


class Exposure(NamedTuple):
    """Exposures of a split in one; units are those of the measure."""

    mean: float
    low: float
    high: float
    never_seen: float
    """The mean that documents never seen would have."""
    above: float
    """Share of documents above it."""
    above_never_seen: float
    """The same share, had the documents never been seen; NaN where that is not known."""
    documents: int
    unscored: int


class Estimate(NamedTuple):
    """A canary's exposure and how sure it is, in bits."""

    bits: float
    standard_error: float
    at_least: bool
    """No candidate drawn was likelier than the canary: it may be exposed far more."""


def generalised(model: Evidence, never: Evidence) -> Floats:
    """Nats per token: log p(document) less that of a model that never saw it, arXiv:2411.04388.

    0 is ideal, > 0 still remembered, < 0 forgotten too far: that, too, is a trace. The paper's
    p is an expectation over the randomness of training; here it is that of one model each, so
    what two trainings differ by anyway is in every value.
    """
    assert model.doc_ids == never.doc_ids
    assert (model.lengths == never.lengths).all()  # one tokenizer, or nats per token cannot compare
    return model.means(model.logp) - never.means(never.logp)


def relative(losses: Floats, never_seen: Floats) -> Floats:
    """Bits: log2(n + 1) - log2(rank of a loss beside n never seen), arXiv:2411.04388.

    Rank 1 is the lowest loss, a tie counts half; both under one model. From 0 to log2(n + 1), and
    not 0 but ``chance(n)`` on average for a document never seen.
    """
    others = np.sort(scored(never_seen))
    if not others.size:
        return np.full(losses.shape, np.nan)
    below = np.searchsorted(others, losses, side="left")
    up_to = np.searchsorted(others, losses, side="right")
    exposures = np.log2(others.size + 1) - np.log2(1 + (below + up_to) / 2)
    return np.where(np.isnan(losses), np.nan, exposures)


def chance(never_seen: int) -> Chance:
    """Mean of log2((n + 1) / rank) where every rank from 1 to n + 1 is as likely.

    Tends to log2 e = 1.443 bits, with 1 / e = 37 % of documents above it.
    """
    if not never_seen:
        return Chance(math.nan, math.nan)
    bits = np.log2((never_seen + 1) / np.arange(1, never_seen + 2))
    return Chance(float(bits.mean()), float((bits > bits.mean()).mean()))


def summary(exposures: Floats, never_seen: Chance, sampling: Sampling) -> Exposure:
    """Mean with its bootstrap interval over documents, and the share above ``never_seen``.

    The comparator (the other model, or the documents never seen) is held as it is: the interval
    says how sure the mean is over documents like these, not over comparators.
    """
    known = scored(exposures)
    low, high = mean_interval(known, sampling)
    return Exposure(
        mean=float(known.mean()) if known.size else np.nan,
        low=low,
        high=high,
        never_seen=never_seen.bits,
        above=float((known > never_seen.bits).mean()) if known.size else np.nan,
        above_never_seen=never_seen.above,
        documents=known.size,
        unscored=exposures.size - known.size,
    )


def canary(loss: float, others: Floats) -> float:
    """Bits: log2 |R| - log2 rank of a canary, by the losses of all other candidates of R."""
    return float(relative(np.array([loss]), others)[0])


def canary_estimate(loss: float, drawn: Floats) -> Estimate:
    """-log2 of the share of candidates likelier than the canary, from a random sample; bits.

    The share is (k + 1) / (m + 1) for k of m, a tie counting half; its standard error is that of a
    binomial share, carried through the logarithm: sqrt((1 - p) / (m p)) / ln 2.
    """
    bits = canary(loss, drawn)
    share = 2.0**-bits
    drawn = scored(drawn)
    if math.isnan(bits):
        return Estimate(bits, math.nan, at_least=False)
    error = math.sqrt((1 - share) / (drawn.size * share)) / math.log(2)
    return Estimate(bits, error, at_least=not (drawn <= loss).any())
