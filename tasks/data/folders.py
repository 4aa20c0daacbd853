"""Folders as people have them: LaTeX papers, Gutenberg texts, checked-out repositories.

Links are never followed. What is no document is skipped and counted by reason.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from tasks.core.errors import ConfigError, DataError
from tasks.data.gutenberg import sections
from tasks.data.latex import papers
from tasks.data.repositories import code, provenance
from tasks.data.source import Document, Source
from tasks.data.walk import Skipped, digests

FIELDS = {"arxiv": "latex", "books": "gutenberg", "github": "repositories"}
"""Which folder a domain is read from."""


class Folders(Source):
    """A folder per domain; an empty path: the domain is not there."""

    name: Literal["folders"] = "folders"
    latex: str = Field(default="", description="folder of papers, read as arxiv")
    gutenberg: str = Field(default="", description="folder of *.txt, read as books")
    repositories: str = Field(default="", description="folder of owner/name, read as github")
    max_text_bytes: int = Field(default=20_000_000, ge=1000, le=2**30, description="paper or book")
    max_code_bytes: int = Field(default=200_000, ge=1000, le=2**30, description="source file")
    section_characters: int = Field(default=15_000, ge=2000, le=10**7, description="of a book")

    def resolved(self) -> Self:
        given = {domain: field for domain, field in FIELDS.items() if getattr(self, field)}
        if not given:
            raise ConfigError("source: no folder; set latex, gutenberg or repositories")
        for domain in self.domains:
            if domain not in given:
                raise ConfigError(
                    f"source.domains: {domain!r} has no folder; "
                    f"set source.{FIELDS.get(domain, 'latex')} or drop it"
                )
        paths = {field: str(self._folder(domain).resolve()) for domain, field in given.items()}
        return self.model_copy(update={"domains": self.domains or tuple(given), **paths})

    def manifest(self, domain: str) -> dict[str, str]:
        folder = self._folder(domain)
        return digests(folder) | (provenance(folder) if domain == "github" else {})

    def documents(self, domain: str) -> Iterator[Document]:
        found = 0
        for item in self._items(domain):
            if isinstance(item, Document):
                found += 1
                yield item
        if not found:
            folder = getattr(self, FIELDS[domain])
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.skipped(domain).items())
            raise DataError(
                f"source.{FIELDS[domain]}: {folder!r} holds no document "
                f"({reasons or 'no such files'}); name the folder above the files"
            )

    def skipped(self, domain: str) -> dict[str, int]:
        items = self._items(domain)
        reasons = Counter(item.reason for item in items if isinstance(item, Skipped))
        return dict(sorted(reasons.items()))

    def _items(self, domain: str) -> Iterator[Document | Skipped]:
        folder = self._folder(domain)
        match domain:
            case "arxiv":
                return papers(folder, self.max_text_bytes)
            case "books":
                return sections(folder, self.max_text_bytes, self.section_characters)
        return code(folder, self.max_code_bytes)

    def _folder(self, domain: str) -> Path:
        path = Path(getattr(self, FIELDS[domain]))
        if not path.is_dir():
            raise DataError(f"source.{FIELDS[domain]}: {str(path)!r} is not a folder; correct it")
        return path
