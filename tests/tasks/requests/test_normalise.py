import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.requests.normalise import normalise

PLAIN = "alice was beginning to get very tired"


@pytest.mark.parametrize(
    "typeset",
    [
        "Alice was beginning to get very tired",
        "  Alice\twas\r\n beginning to\u00a0get very\u2003tired\n",
        "Alice was _beginning_ to get __very__ tired",
        "\u201cAlice was beginning to get very tired\u201d",
        "`Alice was beginning to get very tired'",
        "``Alice was beginning to get very tired''",
        "Alice\u2014was beginning -- to get very\u2011tired",
        "Al\u200bice was\u200e begin\u00adning \u202eto get\u202c very \ufefftired",
        "\uff21\uff4c\uff49\uff43\uff45 was beginning to get very tired",  # full-width
        "Alice was beginning to get very \U0001d42d\U0001d422\U0001d42b\U0001d41e\U0001d41d",
    ],
)
def test_one_sentence_has_one_spelling_however_it_is_typeset(typeset):
    assert normalise(typeset) == PLAIN


def test_ligatures_are_letters():
    assert normalise("the \ufb01rst o\ufb03ce") == "the first office"


def test_composed_and_decomposed_letters_are_the_same():
    assert normalise("Caf\u00e9") == normalise("CAFE\u0301") == "caf\u00e9"


def test_capitals_whose_small_letter_is_composed_otherwise_are_the_same():
    # Iota with dialytika and tonos: small is one character, capital has only a pair of two.
    assert normalise("\u0390") == normalise("\u03aa\u0301")


def test_different_words_stay_different():
    assert normalise("Alice was tired") != normalise("Alice was fired")


@given(st.text())
@example("\u0130")  # folds to two characters
@example("\u00b4")  # decomposes to a space and an accent
@example("\u0390")
@example("a\u0345\u0301")
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(text):
    assert normalise(text) == normalise(text + "\u0436").removesuffix("\u0436").rstrip()


@given(st.text(), st.text())
def test_what_is_put_between_quotes_is_still_found(before, passage):
    assert normalise(passage) in normalise(f"{before} \u201c{passage}\u201d")


def test_five_million_of_one_character_take_a_moment():
    started = time.monotonic()
    normalise("\u201c" + "a" * 5_000_000)
    assert time.monotonic() - started < 10
