import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import ConfigError
from tasks.requests.passages import holders


def test_a_passage_is_found_in_every_text_that_holds_it():
    texts = [
        ("a", "It was \u201cthe _best_ of times\u201d,"),
        ("b", "the worst"),
        ("c", "Best of  Times"),
    ]
    assert holders(["best of times", "worst"], texts) == [["a", "c"], ["b"]]


def test_a_passage_across_two_documents_is_found_in_neither():
    assert holders(["best of times"], [("a", "the best"), ("b", "of times")]) == [[]]


def test_a_passage_of_signs_alone_is_refused_by_its_number():
    with pytest.raises(ConfigError, match=r"request\.passages\[1\]"):
        holders(["words", "\u201c -- \u201d"], [("a", "words")])


WORDS = st.lists(st.sampled_from(["one", "two", "three", "four"]), min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=5), st.data())
def test_any_stretch_of_a_text_finds_it(texts, data):
    named = [(str(at), " ".join(words)) for at, words in enumerate(texts)]
    at, text = data.draw(st.sampled_from(named))
    start = data.draw(st.integers(0, len(text) - 1))
    stretch = text[start : data.draw(st.integers(start + 1, len(text)))]
    if stretch.strip():
        assert at in holders([stretch], named)[0]
