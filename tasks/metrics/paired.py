"""What is brought back of an unlearned model, beside what is of a model that never saw the text.

An attack that also works on a model trained without the text proves nothing of what was left in the
unlearned one, so only the difference of the two counts: over the same documents, drawn together in
every resample, for documents that are easy are easy to both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from tasks.metrics.evidence import Floats
from tasks.metrics.statistics import Sampling, auc, mean_interval, scored

NOTHING: Floats = np.empty(0)


class Sample(NamedTuple):
    """A measure by document: its mean counts or, beside ``unseen`` ones, its AUC over these."""

    documents: Floats
    unseen: Floats = NOTHING

    @property
    def value(self) -> float:
        """The mean or the AUC, NaN left out."""
        documents = scored(self.documents)
        if self.unseen.size:
            return auc(documents, scored(self.unseen))
        return float(documents.mean()) if documents.size else np.nan


class Four(NamedTuple):
    """The same measure of two models, as they were and as a trial left them."""

    unlearned_before: Sample
    unlearned: Sample
    retrained_before: Sample
    retrained: Sample


class Paired(NamedTuple):
    """Means or AUCs over the documents that have a value in all four; NaN where there is none."""

    documents: int
    unlearned_before: float
    unlearned: float
    retrained_before: float
    retrained: float
    difference: float
    """Unlearned less retrained, both after the trial."""
    low: float
    high: float
    gain: float
    """What the trial added to the unlearned less what it added to the retrained."""
    gain_low: float
    gain_high: float


def paired(four: Four, sampling: Sampling) -> Paired:
    """The four values, how far the models are apart, and how much of it came with the trial."""
    known, unseen = (~np.isnan(np.stack(side)).any(axis=0) for side in zip(*four, strict=True))
    four = Four(*(Sample(one.documents[known], one.unseen[unseen]) for one in four))
    difference = four.unlearned.value - four.retrained.value
    gain = difference - (four.unlearned_before.value - four.retrained_before.value)
    low, high = _interval([four.unlearned], [four.retrained], sampling)
    gain_low, gain_high = _interval(
        [four.unlearned, four.retrained_before], [four.retrained, four.unlearned_before], sampling
    )
    return Paired(
        documents=int(known.sum()),
        unlearned_before=four.unlearned_before.value,
        unlearned=four.unlearned.value,
        retrained_before=four.retrained_before.value,
        retrained=four.retrained.value,
        difference=difference,
        low=low,
        high=high,
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
    )


def _interval(
    more: Sequence[Sample], less: Sequence[Sample], sampling: Sampling
) -> tuple[float, float]:
    """Percentile bootstrap of the sum of ``more`` less that of ``less``, documents the unit."""
    signed = [*((1, sample) for sample in more), *((-1, sample) for sample in less)]
    _, one = signed[0]
    if not one.unseen.size:
        apart = np.sum([sign * sample.documents for sign, sample in signed], axis=0)
        return mean_interval(apart, sampling)
    if min(one.documents.size, one.unseen.size) < 2:
        return np.nan, np.nan

    def apart_in(documents: NDArray[np.int64], unseen: NDArray[np.int64]) -> float:
        return sum(
            sign * auc(sample.documents[documents], sample.unseen[unseen])
            for sign, sample in signed
        )

    found = bootstrap(
        (np.arange(one.documents.size), np.arange(one.unseen.size)),
        apart_in,
        n_resamples=sampling.resamples,
        confidence_level=sampling.confidence,
        method="percentile",
        vectorized=False,
        rng=np.random.default_rng(sampling.seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
