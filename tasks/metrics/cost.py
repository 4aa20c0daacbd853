"""What forgetting cost, and how many times more training again without the text would have.

FLOPs are counted (6 a weight and token trained on, 2 a token only read); tokens, seconds, memory
and energy are measured. Memory on a CPU is that of the whole process, libraries included.

The ratio is the one of arXiv:2402.15159. It is measured against a retrained model that was made; a
model that came from elsewhere has no known cost, and the ratio is then NaN, never a guess.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

Spent = Mapping[str, float]
"""``training.json`` of a model, with NaN for what is not known."""

UNKNOWN: Spent = {}


class Cost(NamedTuple):
    """Unlearning beside retraining; NaN where not known."""

    tokens: float
    flops: float
    seconds: float
    joules: float
    peak_memory_bytes: float
    parameters: float
    retrain_flops: float
    retrain_seconds: float
    retrain_joules: float
    ratio: float
    """retrain_flops / flops."""

    seconds_ratio: float
    """retrain_seconds / seconds."""


def cost(unlearned: Spent, retrained: Spent) -> Cost:
    """The cost of unlearning; ``retrained`` is UNKNOWN where no such model was made."""
    flops, seconds = _of(unlearned, "flops"), _of(unlearned, "seconds")
    retrain_flops, retrain_seconds = _of(retrained, "flops"), _of(retrained, "seconds")
    return Cost(
        tokens=_of(unlearned, "tokens"),
        flops=flops,
        seconds=seconds,
        joules=_of(unlearned, "joules"),
        peak_memory_bytes=_of(unlearned, "peak_memory_bytes"),
        parameters=_of(unlearned, "parameters"),
        retrain_flops=retrain_flops,
        retrain_seconds=retrain_seconds,
        retrain_joules=_of(retrained, "joules"),
        ratio=retrain_flops / flops if flops else math.nan,
        seconds_ratio=retrain_seconds / seconds if seconds else math.nan,
    )


def _of(spent: Spent, name: str) -> float:
    return spent.get(name, math.nan)
