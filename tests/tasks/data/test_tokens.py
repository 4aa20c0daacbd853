import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tasks.data.tokens import chunks, train_tokenizer

TEXTS = ["the boat goes down the river", "the river goes on and on and on", "a boat"]
TOKENIZER = train_tokenizer(TEXTS * 5, 300)


@given(st.text(max_size=200))
def test_any_text_comes_back(text):
    # as chunks are made: a mark in a text is text, so only those at its two ends are marks
    ids = TOKENIZER(text, split_special_tokens=True)["input_ids"]
    assert TOKENIZER.decode(ids[1:-1]) == text


@given(st.lists(st.text(max_size=120), max_size=5), st.integers(2, 40))
def test_each_token_after_the_first_is_scored_once_and_after_what_precedes_it(texts, context):
    pieces = chunks(texts, TOKENIZER, context)
    for at, text in enumerate(texts):
        ids = TOKENIZER(text, split_special_tokens=True)["input_ids"]
        own = [piece for piece in pieces if piece.document == at]
        assert np.concatenate([piece.labels for piece in own]).tolist() == ids[1:]
        assert np.concatenate([piece.ids for piece in own]).tolist() == ids[:-1]
    assert all(1 <= len(piece.ids) == len(piece.labels) <= context for piece in pieces)


def test_a_document_begins_and_ends_with_its_marks():
    (piece,) = chunks(["the river"], TOKENIZER, 64)
    assert piece.ids[0] == TOKENIZER.bos_token_id
    assert piece.labels[-1] == TOKENIZER.eos_token_id


def test_a_tokenizer_without_marks_leaves_the_first_token_unscored():
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1, "two": 2, "three": 3}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    plain = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    (piece,) = chunks(["one two three", "one", ""], plain, 8)
    assert piece.labels.tolist() == [2, 3]


def test_a_mark_that_stands_in_a_document_is_text():
    (piece,) = chunks(["the <|eos|> river"], TOKENIZER, 64)
    assert piece.labels.tolist().count(TOKENIZER.eos_token_id) == 1
    assert piece.labels[-1] == TOKENIZER.eos_token_id


def test_the_same_texts_give_the_same_tokenizer(tmp_path):
    again = train_tokenizer(TEXTS * 5, 300)
    assert again.backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()
    TOKENIZER.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert loaded("the boat")["input_ids"] == TOKENIZER("the boat")["input_ids"]


@pytest.mark.parametrize("character", ["a", " ", "\n", "é"])
def test_a_million_of_one_character_do_not_stall_it(character):
    began = time.process_time()
    chunks([character * 1_000_000], train_tokenizer([*TEXTS, character * 1_000_000], 300), 256)
    assert time.process_time() - began < 30
