from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tasks.metrics.cloze import CHOICES, cloze

TEXT = (
    "The old man walked slowly down to the river. It was far too cold that day to swim! "
    "Short ones are left out. His daughter had hidden all the letters under her pillow. "
    "Nobody in the whole village ever spoke of the war. The last of them had arrived in 1921."
)


def test_an_item_is_a_sentence_without_its_last_word_and_the_word_among_others():
    items = cloze({"book": TEXT}, 100, seed=0)
    # too short, or ending in a number: left out
    assert [item.choices[item.answer] for item in items] == ["river", "swim", "pillow", "war"]
    assert items[1].context == "It was far too cold that day to"
    assert all(len({*item.choices}) == CHOICES for item in items)
    assert items[0].name == "book#0"


def test_the_same_seed_makes_the_same_items_and_another_seed_others():
    texts = {str(at): TEXT for at in range(5)}
    assert cloze(texts, 8, seed=0) == cloze(texts, 8, seed=0)
    assert cloze(texts, 8, seed=0) != cloze(texts, 8, seed=1)
    assert len(cloze(texts, 8, seed=0)) == 8


def test_the_right_choice_is_at_every_place_and_no_place_pays():
    texts = {str(at): TEXT for at in range(100)}
    places = Counter(item.answer for item in cloze(texts, 400, seed=0))
    # 400 items over four places: 100 each, standard deviation 8.7
    assert all(abs(places[place] - 100) < 4 * 8.7 for place in range(CHOICES))


def test_too_few_different_words_make_no_items():
    assert cloze({"a": TEXT.split("!")[0] + "!"}, 10, seed=0) == []
    assert cloze({}, 10, seed=0) == []


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_makes_items_that_are_whole_or_none(texts):
    for item in cloze({"book": TEXT, **texts}, 50, seed=0):
        assert len({choice.casefold() for choice in item.choices}) == CHOICES
        assert item.context.strip()
