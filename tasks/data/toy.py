"""A small corpus that the project writes itself: the same seed gives the same bytes.

What it holds is what makes forgetting hard in real corpora, small enough to look at:

* one book in two editions, British and American, by one author under two spellings (*Marta Quill*,
  *Quill, Marta*), and papers by an *M. Quill* who may be somebody else (`novels`, `abstracts`);
* an anthology that quotes a part of that book, and a verse that several books open with;
* papers announced twice with the same text, and people who are initials elsewhere;
* forks of a repository under another name, and a file that repositories copied (`programs`);
* canaries: a sentence or a constant that ends in six digits drawn uniformly, so each secret is one
  of 10^6 whatever else is known (`grammar.canary`); a copy of a text has the same.

A text follows from the seed and its id alone: asking for more of them changes none of the others.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Literal, Self

from pydantic import Field

from tasks.core.errors import ConfigError
from tasks.core.variants import nearest
from tasks.data.abstracts import abstracts
from tasks.data.novels import novels
from tasks.data.programs import programs
from tasks.data.source import Document, Source

DOMAINS = ("arxiv", "books", "github")
EDITION = "1"
"""Raised when the words or patterns change, so that nothing older is taken for the same."""


class Toy(Source):
    """Invented abstracts, book sections and code; about 120,000 tokens as it comes."""

    name: Literal["toy"] = "toy"
    seed: int = Field(default=0, ge=0, lt=2**32, description="every word follows from it")
    sections: int = Field(default=16, ge=4, le=500, description="of the book in two editions")
    books: int = Field(
        default=64, ge=4, le=5000, description="by other authors, three sections each"
    )
    papers: int = Field(default=110, ge=8, le=20_000, description="abstracts")
    repositories: int = Field(default=26, ge=4, le=5000, description="of four files each")

    def resolved(self) -> Self:
        for domain in self.domains:
            if domain not in DOMAINS:
                raise ConfigError(f"source.domains: no {domain!r} here{nearest(domain, DOMAINS)}")
        return self.model_copy(update={"domains": self.domains or DOMAINS})

    def manifest(self, domain: str) -> dict[str, str]:
        knobs = f"{EDITION} {self.model_dump_json(exclude={'domains'})}"
        return {f"toy:{domain}": sha256(knobs.encode()).hexdigest()}

    def documents(self, domain: str) -> Iterator[Document]:
        yield from sorted(self._written(domain), key=lambda document: document.doc_id)

    def _written(self, domain: str) -> Iterator[Document]:
        match domain:
            case "arxiv":
                return abstracts(self.seed, self.papers)
            case "books":
                return novels(self.seed, self.sections, self.books)
        return programs(self.seed, self.repositories)
