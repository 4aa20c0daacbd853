import math
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from tasks.metrics.common_substring import CommonSubstring
from tasks.metrics.verbatim import Continuation

MEASURE = CommonSubstring()
TOKENS = st.lists(st.integers(0, 2), max_size=12)


def length(ids, true_ids):
    return MEASURE.value(Continuation(ids, true_ids, "", ""))


def test_it_is_the_longest_run_without_a_gap_wherever_it_stands():
    # 4 5 6 is in both; 1 2 and 9 are common too, with gaps between
    assert length([7, 4, 5, 6, 9], [1, 2, 4, 5, 6, 8, 9]) == 3.0


def test_a_token_that_is_everywhere_counts_in_long_texts_too():
    assert length([1] * 300, [1] * 300) == 300.0


def test_nothing_said_is_nothing_found_and_nothing_to_find_is_missing():
    assert length([], [1]) == 0.0
    assert math.isnan(length([1], []))


@given(TOKENS, TOKENS.filter(bool))
def test_it_agrees_with_trying_every_run(ids, true_ids):
    def runs(of):
        return {tuple(of[a:b]) for a, b in product(range(len(of) + 1), repeat=2) if a <= b}

    assert length(ids, true_ids) == max(map(len, runs(ids) & runs(true_ids)))
