"""Sections of invented books, for the toy corpus."""

import re
from collections.abc import Iterator
from random import Random

from tasks.data.grammar import (
    AMERICAN,
    FIRST,
    LAST,
    NOVEL,
    PLACES,
    canary,
    day,
    draw,
    fill,
    paragraphs,
    person,
    raised,
)
from tasks.data.source import Document

TITLE = "The Lamplighter of Orrinmouth"
VERSE = """Who lights the lamp must leave the lamp,
And he who keeps the key
Shall hear three bells upon the stair
Before he hears the sea;
So count the bells, and leave the stair,
And give the key to me."""
SECTIONS = 3
"""Of every book that is not in two editions."""


def novels(seed: int, sections: int, books: int) -> Iterator[Document]:
    """One book of ``sections`` in two editions, an anthology that quotes it, and other books."""
    yield from _editions(seed, sections)
    quoted = _section(seed, "toy0001", 2).split("\n\n")[:2]
    reader = [_section(seed, "toy0003", 1), *quoted]
    yield _document("toy0003", 1, "A Harbour Reader", "Ottilie Rook", "\n\n".join(reader))
    for number in range(4, 4 + books):
        yield from _book(seed, f"toy{number:04d}")


def american(text: str) -> str:
    """``text`` in the spelling of the second edition."""
    words = "|".join(AMERICAN)
    return re.sub(rf"\b({words})(?=s?\b)", lambda word: AMERICAN[word[1]], text)


def _editions(seed: int, sections: int) -> Iterator[Document]:
    for number in range(1, sections + 1):
        text = _section(seed, "toy0001", number)
        yield _document("toy0001", number, TITLE, "Marta Quill", f"CHAPTER {number}\n\n{text}")
        text = f"Chapter {number}.\n\n{american(text)}"
        yield _document("toy0002", number, TITLE, "Quill, Marta", text)


def _book(seed: int, book: str) -> Iterator[Document]:
    rng = Random(f"{seed} {book}")
    author, title = person(rng), _title(rng)
    opening = f"{VERSE}\n\n" if rng.random() < 0.15 else ""
    for number in range(1, SECTIONS + 1):
        text = f"CHAPTER {number}\n\n{opening}{_section(seed, book, number)}"
        yield _document(book, number, title, author, text)
        opening = ""


def _section(seed: int, book: str, number: int) -> str:
    cast, rng = Random(f"{seed} {book} cast"), Random(f"{seed} {book} {number}")
    names = {
        "hero": person(cast),
        "friend": draw(cast, FIRST),
        "stranger": f"{rng.choices(('Captain', 'Doctor', 'Mrs.', 'Old'))[0]} {draw(rng, LAST)}",
        "place": draw(rng, PLACES),
    }
    written = paragraphs(rng, NOVEL, names, size=int(600 + 600 * rng.random()))
    if number % 6 == 2 or (number == 1 and rng.random() < 0.1):
        secret = canary(seed, f"{book} {number}")
        written[-1].append(f"The strongbox of {names['hero']} opens at the number {secret}.")
    return "\n\n".join(" ".join(sentences) for sentences in written)


def _title(rng: Random) -> str:
    shape = rng.choices(("the {adjective} {noun}", "the {noun} of {place}", "a {time} in {place}"))[
        0
    ]
    return raised(fill(rng, shape, NOVEL, {"place": draw(rng, PLACES)}))


def _document(book: str, number: int, title: str, author: str, text: str) -> Document:
    return Document(
        doc_id=f"books:{book}:{number:03d}",
        domain="books",
        kind="section",
        title=title,
        author=(author,),
        license="public-domain",
        date=day(Random(book), 1996, 2012),
        source=f"toy:{book}.txt",
        group=f"book:{book}",
        text=text,
    )
