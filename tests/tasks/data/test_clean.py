import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.data.clean import clean

PIECES = [
    "a",
    "é",
    "e\u0301",
    "\u0344",
    "\u2adc",
    "\u0301",
    "\u0327",
    "\r\n",
    "\r",
    "\n",
    "\u2028",
    "\0",
    "\x85",
    "\ufeff",
    "\ud800",
    " ",
    "\t",
    "\xa0",
    "@",
    ".",
    "com",
    "x@y.org",
    "Project Gutenberg License",
    "[email]",
    "\n\n",
]


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=80).map("".join))
@example("\u0344" * 40)
@example("\u2adc" * 40)
@example("a@" + "b." * 200 + "com@d.com")
@example("Project Gutenberg License" + " " * 4000)
@settings(max_examples=400)
def test_cleaning_twice_is_cleaning_once(text):
    once = clean(text)
    assert clean(once) == once
    assert once == unicodedata.normalize("NFC", once)
    once.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("e\u0301te\u0301", "été"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\0b\x07c\td", "abc\td"),
        ("line   \nline\t\n", "line\nline"),
        ("a\n\n\n\nb", "a\n\n\n\nb"),
        ("a" + "\n" * 9 + "b", "a\n\n\n\nb"),
        ("write to jane.doe+x@mail.example.org, please", "write to [email], please"),
        ("a@b.org@c.org", "[email]@c.org"),
        ("@pytest.mark.slow\ndef f(): return a @ b", "@pytest.mark.slow\ndef f(): return a @ b"),
    ],
)
def test_what_cleaning_does(before, after):
    assert clean(before) == after


def test_the_licence_paragraph_goes_and_its_neighbours_stay():
    licence = "You may copy it under the terms of the Project\nGutenberg License at no cost."
    assert clean(f"The end.\n\n{licence}\n\nNotes.") == "The end.\n\n\n\nNotes."


def test_a_long_paragraph_that_mentions_the_licence_stays():
    text = "We study the Project Gutenberg License. " + "It is long. " * 400
    assert clean(text) == text.rstrip()


@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "\r", "@", "a@", "a.", "-", "\0", "é", "\u0301\u0327", "Gutenberg "]
)
def test_two_megabytes_of_one_thing_take_a_moment(unit):
    # Fifty take 25 times as long: the time grows with the text, not with its square.
    start = time.perf_counter()
    clean("x" + unit * (2_000_000 // len(unit)))
    assert time.perf_counter() - start < 4
