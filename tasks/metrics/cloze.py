"""Cloze items from text: a sentence without its last word, the word, and others in its place.

As LAMBADA asks for the last word (Paperno et al. 2016, arXiv:1606.06031), here among choices, so
that a small model has a chance and the chance is known.
"""

import random
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

SENTENCE = re.compile(r"(?<=[.!?])\s+")
ENDING = re.compile(r"^(?P<beginning>.*\S)\s+(?P<word>[^\W\d_]{3,})[.!?]+$")
LEAST_WORDS = 8
CHOICES = 4


class Item(NamedTuple):
    """One question; ``choices[answer]`` is how the sentence ends."""

    name: str
    context: str
    choices: list[str]
    answer: int


class _Sentence(NamedTuple):
    name: str
    beginning: str
    word: str


def cloze(texts: Mapping[str, str], items: int, seed: int) -> list[Item]:
    """The last word of held-out sentences, to be told from how three others end.

    At most ``items`` questions from ``texts`` by document, the same for the same seed.
    Wrong choices are how other sentences of ``texts`` end, as often as they do: how common a word
    is gives nothing away. Empty where there are too few different words to choose from.
    """
    sentences = [one for doc_id, text in texts.items() for one in _sentences(doc_id, text)]
    words = [sentence.word for sentence in sentences]
    if len({word.casefold() for word in words}) < CHOICES:
        return []
    rng = random.Random(seed)
    chosen = sorted(rng.sample(sentences, min(items, len(sentences))))
    return [_item(sentence, words, rng) for sentence in chosen]


def _sentences(doc_id: str, text: str) -> Iterator[_Sentence]:
    for at, sentence in enumerate(SENTENCE.split(text)):
        ending = ENDING.match(" ".join(sentence.split()))
        if ending and len(ending["beginning"].split()) >= LEAST_WORDS:
            yield _Sentence(f"{doc_id}#{at}", ending["beginning"], ending["word"])


def _item(sentence: _Sentence, words: list[str], rng: random.Random) -> Item:
    known = {sentence.word.casefold()}
    choices = [sentence.word]
    while len(choices) < CHOICES:
        word = rng.choice(words)
        if word.casefold() not in known:
            known.add(word.casefold())
            choices.append(word)
    rng.shuffle(choices)  # a model that finds all alike is not right more often than by chance
    return Item(sentence.name, sentence.beginning, choices, choices.index(sentence.word))
