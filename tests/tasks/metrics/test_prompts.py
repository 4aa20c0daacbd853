import pytest
from pydantic import ValidationError

from tasks.metrics.prompts import Instructed, Later, Plain, Reader, Spaced, Titled, UpperCase

READER = Reader(
    encode=lambda text: [ord(letter) for letter in text],
    decode=lambda ids: "".join(map(chr, ids)),
)


def asked(prompt, text, title=""):
    return READER.decode(prompt.ids(READER.encode(text), title, READER))


def test_each_says_what_its_name_says():
    assert asked(Plain(), "It was") == "It was"
    assert asked(Later(), "It was") == "It was"
    assert asked(Instructed(instruction="Go on: "), "It was") == "Go on: It was"
    assert asked(Titled(), "It was", "A Tale") == "A Tale\n\nIt was"
    assert asked(UpperCase(), "It was") == "IT WAS"
    assert asked(Spaced(), "It was so") == "It  was  so"


def test_a_document_without_a_title_begins_by_itself():
    assert asked(Titled(), "It was") == "It was"


def test_later_skips_its_share_but_leaves_something_to_find():
    assert Plain().start(100, 10) == 0
    assert Later(share=0.5).start(100, 10) == 50
    assert Later(share=0.9).start(100, 10) == 80  # ten to give, ten to find
    assert Later(share=0.5).start(12, 10) == 0


def test_a_prompt_from_beyond_the_end_is_refused():
    with pytest.raises(ValidationError):
        Later(share=1.0)
