import math
from itertools import combinations

import numpy as np
import pytest

from tasks.metrics.leak_at_k import leak_at_k

VALUES = np.array([[0.1, 0.7, 0.3, 0.5], [0.2, 0.2, 0.2, 0.2]])


def test_of_all_samples_it_is_the_worst_and_of_one_the_mean():
    assert leak_at_k(VALUES, 4).tolist() == [0.7, 0.2]
    assert leak_at_k(VALUES, 1) == pytest.approx([0.4, 0.2])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_it_is_the_mean_of_the_worst_over_every_choice(k):
    worst = [max(some) for some in combinations(VALUES[0], k)]
    assert leak_at_k(VALUES, k)[0] == pytest.approx(sum(worst) / len(worst))


def test_a_missing_sample_is_missing():
    assert math.isnan(leak_at_k(np.array([[0.1, np.nan]]), 2)[0])


def test_more_than_there_are_cannot_be_drawn():
    with pytest.raises(ValueError, match="k=5: of 4 samples"):
        leak_at_k(VALUES, 5)
