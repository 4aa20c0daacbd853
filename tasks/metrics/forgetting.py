"""How many steps until documents are as little exposed as stated, and what it cost on the way.

Exposure is generalised exposure (arXiv:2411.04388, read as ``tasks.metrics.exposure`` says): log p
of a document under the model less that under a model that never saw it, in nats per token. Several
runs of one kind, one a seed, are read together: curves are means over documents, then over seeds.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.metrics.evidence import Floats

Ints = NDArray[np.int64]
THIRDS = ("easy", "middle", "hard")


class Way(NamedTuple):
    """One unlearning run as it was probed. Shape letters: D documents, P probes."""

    steps_P: Floats
    exposure_DP: Floats
    """Nats per token."""
    lost_P: Floats
    """Rise of the test loss since the start, in nats per token."""


class Reached(NamedTuple):
    """What one group of documents came to, or came to in each of R resamples; each [R]."""

    start: Floats
    """Mean exposure before the first step, nats per token."""
    steps: Floats
    """Until it was as stated; infinite where it never was."""
    lost: Floats
    """Utility lost until then; NaN where it never was."""
    end: Floats
    """Mean exposure after the last step."""
    damage: Floats
    """Utility lost by then."""


def thirds(never_loss: Floats) -> list[str]:
    """Difficulty of each document: its third by the loss of a model that never saw it."""
    ranks = np.argsort(np.argsort(never_loss, kind="stable"), kind="stable")
    return [THIRDS[rank * 3 // never_loss.size] for rank in ranks]


def steps_to(exposure_P: Floats, steps_P: Floats, stated: float) -> float:
    """The first step at which the curve is at ``stated`` or below, linear between two probes.

    0 where it starts there, infinite where it never comes there.
    """
    below = np.flatnonzero(exposure_P <= stated)
    if not below.size:
        return math.inf
    at = int(below[0])
    if at == 0:
        return 0.0
    fell = exposure_P[at - 1] - exposure_P[at]
    part = (exposure_P[at - 1] - stated) / fell
    return float(steps_P[at - 1] + part * (steps_P[at] - steps_P[at - 1]))


def drawn(runs: int, resamples: int, seed: int) -> Ints:
    """Which runs each resample holds, [R, S]; groups compared share it, for they share models."""
    return np.random.default_rng(seed).integers(runs, size=(resamples, runs))


def found(ways: Sequence[Way], stated: float) -> Reached:
    """What the group came to; R = 1."""
    exposure_P = np.mean([way.exposure_DP.mean(0) for way in ways], axis=0)
    lost_P = np.mean([way.lost_P for way in ways], axis=0)
    return _reached([exposure_P], [lost_P], ways[0].steps_P, stated)


def curves(ways: Sequence[Way], runs_RS: Ints, seed: int) -> Floats:
    """The mean exposure of each resample: of each run drawn its documents drawn anew; [R, P]."""
    rng = np.random.default_rng(seed)
    return np.array(
        [
            np.mean([_mean_of_drawn(ways[run].exposure_DP, rng) for run in runs], axis=0)
            for runs in runs_RS
        ]
    )


def resampled(ways: Sequence[Way], stated: float, runs_RS: Ints, seed: int) -> Reached:
    """What each resample came to."""
    losts = [np.mean([ways[run].lost_P for run in runs], axis=0) for runs in runs_RS]
    return _reached(list(curves(ways, runs_RS, seed)), losts, ways[0].steps_P, stated)


def interval(values_R: Floats, confidence: float) -> tuple[float, float]:
    """Percentile interval of resamples, which may be infinite.

    NaN where more of them are not known than the interval leaves out on a side.
    """
    level = (1 - confidence) / 2
    if np.isnan(values_R).mean() > level:
        return math.nan, math.nan
    # Not interpolated: between a number and infinity there is nothing.
    low, high = np.nanquantile(values_R, [level, 1 - level], method="inverted_cdf")
    return float(low), float(high)


def _mean_of_drawn(exposure_DP: Floats, rng: np.random.Generator) -> Floats:
    documents = len(exposure_DP)
    mean: Floats = exposure_DP[rng.integers(documents, size=documents)].mean(0)
    return mean


def _reached(
    exposures: Sequence[Floats], losts: Sequence[Floats], steps_P: Floats, stated: float
) -> Reached:
    steps = [steps_to(curve, steps_P, stated) for curve in exposures]
    lost = [
        float(np.interp(at, steps_P, curve)) if math.isfinite(at) else math.nan
        for at, curve in zip(steps, losts, strict=True)
    ]
    return Reached(
        start=np.array([curve[0] for curve in exposures]),
        steps=np.array(steps),
        lost=np.array(lost),
        end=np.array([curve[-1] for curve in exposures]),
        damage=np.array([curve[-1] for curve in losts]),
    )
