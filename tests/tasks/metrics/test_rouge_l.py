import math

import pytest

from tasks.metrics.rouge_l import RougeL, RougeLStemmed
from tasks.metrics.verbatim import Continuation

PLAIN, STEMMED = RougeL(), RougeLStemmed()


def said(text, true):
    return Continuation([], [], text, true)


def test_it_is_f1_of_the_longest_common_subsequence_of_words():
    # "the cat mat" is common: recall 3 of 6, precision 3 of 4, F1 = 2 x 3 / (6 + 4)
    continuation = said("the cat, a MAT", "the cat sat on the mat")
    assert PLAIN.value(continuation) == pytest.approx(6 / 10)
    assert STEMMED.value(continuation) == pytest.approx(6 / 10)


def test_order_counts():
    assert PLAIN.value(said("c b a", "a b c")) == pytest.approx(1 / 3)


def test_only_the_stemmed_one_takes_another_ending_for_the_same_word():
    continuation = said("forgetting models", "forgets model")
    assert PLAIN.value(continuation) == 0.0
    assert STEMMED.value(continuation) == 1.0


@pytest.mark.parametrize("measure", [PLAIN, STEMMED])
def test_nothing_said_is_nothing_found_and_nothing_to_find_is_missing(measure):
    assert measure.value(said("", "some words")) == 0.0
    assert math.isnan(measure.value(said("some words", "")))
    assert math.isnan(measure.value(said("...", "...")))  # no word that ROUGE counts
