import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.overlap import grams, occurring


def words(first, last):
    return " ".join(f"w{number}" for number in range(first, last))


def test_there_is_a_gram_for_each_thirteen_words_in_a_row():
    assert len(grams(words(0, 12))) == 0
    assert len(grams(words(0, 13))) == 1
    assert len(grams(words(0, 20))) == 20 - 13 + 1


def test_only_thirteen_words_in_a_row_count():
    text = grams(words(0, 20))  # 8 grams
    twelve = grams(words(0, 12) + " other " + words(12, 20))
    fifteen = grams("before " + words(5, 20) + " after")  # holds grams 5, 6 and 7
    assert occurring([text], [twelve]).tolist() == [0]
    assert occurring([text], [twelve, fifteen]).tolist() == [3]


def test_case_and_punctuation_do_not_hide_a_copy():
    copy = grams(words(0, 13).upper().replace(" ", ",\n- "))
    assert occurring([grams(words(0, 13))], [copy]).tolist() == [1]


def test_words_in_another_order_are_another_gram():
    backwards = " ".join(reversed(words(0, 13).split()))
    assert occurring([grams(words(0, 13))], [grams(backwards)]).tolist() == [0]


def test_repetitions_within_a_document_count_each_time():
    chorus = words(0, 13) + " " + words(0, 13)  # 14 grams, of which the first is also the last
    assert occurring([grams(chorus)], [grams(words(0, 13))]).tolist() == [2]


def test_nothing_occurs_in_nothing():
    assert occurring([], [grams(words(0, 13))]).tolist() == []
    assert occurring([grams("")], [grams("")]).tolist() == [0]


@given(st.lists(st.text("ab", min_size=1, max_size=1), max_size=40), st.integers(0, 30))
def test_counts_are_those_of_comparing_all_with_all(letters, cut):
    other = letters[cut:] + letters[:cut]
    grams_of = [tuple(letters[at : at + 13]) for at in range(len(letters) - 12)]
    there = {tuple(other[at : at + 13]) for at in range(len(other) - 12)}
    expected = sum(gram in there for gram in grams_of)
    assert occurring([grams(" ".join(letters))], [grams(" ".join(other))]).tolist() == [expected]


@given(st.text(max_size=200))
def test_any_text_holds_all_of_itself(text):
    assert occurring([grams(text)], [grams(text)]).tolist() == [len(grams(text))]
    assert grams(text).dtype == np.uint64
