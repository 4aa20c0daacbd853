"""The worst of k samples: one greedy answer hides what a few more tries bring out.

*leak@k*, arXiv:2511.04934.
"""

from math import comb

import numpy as np
from numpy.typing import NDArray

from tasks.metrics.evidence import Floats


def leak_at_k(values_DN: NDArray[np.floating], k: int) -> Floats:
    """Expected largest of ``k`` draws, without replacement, of each document's N; [documents].

    The unbiased estimate from N samples, 1 <= k <= N: the i-th smallest of them is the largest of
    comb(i - 1, k - 1) of the comb(N, k) choices. With k = N it is the largest seen. NaN where a
    sample has no value.
    """
    samples = values_DN.shape[1]
    if not 1 <= k <= samples:
        raise ValueError(f"k={k}: of {samples} samples that many cannot be drawn")
    weights = [comb(at, k - 1) / comb(samples, k) for at in range(samples)]
    largest: Floats = np.sort(values_DN.astype(np.float64), axis=1) @ np.array(weights)
    return largest
