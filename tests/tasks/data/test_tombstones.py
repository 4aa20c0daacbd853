"""What was erased is known again, word for word or nearly; nothing else is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import DataError
from tasks.data import tombstones
from tasks.data.near_duplicates import jaccard, shingles
from tasks.data.tombstones import Tombstones, cutoff, marked, recogniser

KEY = b"k" * 32
WORDS = [f"word{number}" for number in range(5000)]


def prose(seed, words):
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def changed(text, share, seed):
    """``text`` with ``share`` of its words replaced by others."""
    words, draw = text.split(), random.Random(seed)
    for at in draw.sample(range(len(words)), int(share * len(words))):
        words[at] = f"other{draw.randrange(10**6)}"
    return " ".join(words)


def known(*texts, key=KEY, threshold=0.5):
    marks = [marked(f"id-{number}", text, key) for number, text in enumerate(texts)]
    return recogniser(Tombstones().joined(marks), key, threshold)


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(20, 400))
def test_an_erased_text_never_passes_nor_does_one_with_a_word_in_twenty_changed(seed, words):
    text = prose(seed, words)
    recognised = known(prose(seed + 1, 100), text)
    assert recognised("another-id", text)
    assert recognised("another-id", changed(text, 0.05, seed))


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(1, 400))
def test_an_unrelated_text_always_passes(seed, words):
    recognised = known(*(prose(seed + 1 + number, 200) for number in range(20)))
    assert not recognised("another-id", prose(seed, words))


def test_a_text_that_shares_a_quarter_of_its_5_grams_passes():
    # 200 of 500 words in common: 196 of the 2 * 496 - 196 = 796 5-grams, a Jaccard of 0.246.
    texts = [prose(seed, 500) for seed in range(30)]
    others = [
        " ".join([*text.split()[:200], *prose(seed + 1000, 300).split()])
        for seed, text in enumerate(texts)
    ]
    shared = [
        jaccard(*(frozenset(shingles(one).tolist()) for one in pair))
        for pair in zip(texts, others, strict=True)
    ]
    assert all(0.23 < one < 0.27 for one in shared)
    recognised = known(*texts)
    assert not any(recognised("another-id", other) for other in others)


def test_an_id_does_not_come_back_with_another_text():
    assert known("once upon a time")("id-0", "something else entirely")
    assert not known("once upon a time")("id-1", "something else entirely")


def test_texts_without_a_word_are_told_apart():
    recognised = known("* * *")
    assert recognised("another-id", "* * *")
    assert not recognised("another-id", "- - -")


def test_without_the_key_nothing_is_known_again():
    text = prose(3, 100)
    marks = Tombstones(marks=(marked("a", text, KEY),))
    assert not recogniser(marks, b"other" * 8, 0.5)("a", text)


def test_a_mark_holds_neither_id_nor_word():
    said = Tombstones(marks=(marked("arxiv:1", "a secret sentence", KEY),)).model_dump_json()
    assert not any(part in said for part in ("arxiv", "secret", "sentence"))


def test_at_the_threshold_one_text_in_ten_thousand_is_missed():
    # Binomial(256, 1/2): 128 - 3.7 * 8 = 98.4
    assert cutoff(0.5) == 98
    assert cutoff(1) == tombstones.VALUES


def test_what_is_written_is_read_and_joined_once(tmp_path):
    path = tmp_path / "keys/tombstones.json"
    assert tombstones.read(path) == Tombstones()
    stones = Tombstones().joined([marked("a", "x y z", KEY)])
    tombstones.write(stones, path)
    assert tombstones.read(path) == stones == stones.joined(stones.marks)


def test_a_damaged_file_stops_a_curation_and_is_not_taken_for_none(tmp_path):
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(DataError, match="put it back from a backup"):
        tombstones.read(tmp_path / "t.json")
