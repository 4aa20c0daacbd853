"""Invented abstracts of papers, for the toy corpus."""

from collections.abc import Iterator
from random import Random

from tasks.data.grammar import PAPER, PLACES, canary, day, draw, fill, paragraphs, person, raised
from tasks.data.source import Document

TITLE = "{adjective} {noun}s for {field} with a {adjective} {noun}"


def abstracts(seed: int, papers: int) -> Iterator[Document]:
    """Abstracts; every fiftieth is announced a second time, word for word."""
    for number in range(1, papers + 1):
        paper = _paper(seed, number)
        yield paper
        if number % 50 == 7:
            yield paper.model_copy(update={"doc_id": f"{paper.doc_id}v2"})


def _paper(seed: int, number: int) -> Document:
    rng = Random(f"{seed} paper {number}")
    authors, names = _authors(rng, number), _names(rng)
    title = raised(fill(rng, TITLE, PAPER, names))
    written = paragraphs(rng, PAPER, names, size=int(550 + 600 * rng.random()))
    lines = [line for sentences in written for line in sentences]
    if number % 12 == 0:
        lines.append(f"Our data are deposited under number {canary(seed, f'paper {number}')}.")
    date = day(rng, 2007, 2019)
    return Document(
        doc_id=f"arxiv:toy.{number:05d}",
        domain="arxiv",
        kind="abstract",
        title=title,
        author=authors,
        license=rng.choices(("CC0-1.0", "CC-BY-4.0"), (9, 1))[0],
        date=date,
        source=f"toy:abstracts@{number}",
        group=f"arxiv-month:{date[:7]}",
        text=f"{title}\n\n{' '.join(lines)}",
    )


def _authors(rng: Random, number: int) -> tuple[str, ...]:
    """One to three people; the first of every fifth paper by initial only."""
    first, *others = [person(rng) for _ in range(rng.choices((1, 2, 3))[0])]
    if number % 40 == 3:
        return "M. Quill", *others
    if number % 5 == 0:
        first = f"{first[0]}. {first.split()[1]}"
    return first, *others


def _names(rng: Random) -> dict[str, str]:
    return {
        "surname": person(rng).split()[1],
        "dataset": f"{draw(rng, PLACES)}-{rng.randrange(10, 100)}",
        "method": "".join(chr(ord("A") + rng.randrange(26)) for _ in range(4)),
    }
