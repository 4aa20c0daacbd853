"""What every source of documents looks like, and what a document is."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tasks.core.variants import Variant

DomainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,63}$")]
"""A domain names files, so it is spelled with letters, digits and underscores alone."""


class Document(BaseModel):
    """One text with what is known of it; the unit of requests, splits, statistics and evidence."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    doc_id: str = Field(min_length=1, max_length=512)
    domain: DomainName
    kind: str
    title: str
    author: tuple[str, ...]
    """People; for code the repository, ``owner/name``."""
    license: str | None
    date: str | None
    """ISO date, year-month or year."""
    source: str
    group: str
    """The natural unit: ``book:pg1342``, ``repo:owner/name``, ``arxiv-month:2017-05``."""
    text: str

    @field_validator("doc_id")
    @classmethod
    def _harmless(cls, doc_id: str) -> str:
        if re.search(r"(^|[/:\\])\.\.([/\\]|$)|[\x00-\x1f\x7f]", doc_id):
            raise ValueError("holds ../ or a control character")
        return doc_id

    @field_validator("kind", "title", "author", "license", "date", "source", "group", "text")
    @classmethod
    def _without_nul(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        parts = value if isinstance(value, tuple) else (value or "",)
        if any("\0" in part for part in parts):
            raise ValueError("holds a NUL character")
        return value


def complaint(error: ValidationError) -> str:
    """What is wrong with a document, in a few words that hold nothing of its text."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return "not JSON"
    if first["type"] == "missing":
        return f"the field {field!r} is missing"
    rule = first["msg"].removeprefix("Value error, ")
    return f"the field {field!r}: {rule}" if field else rule


class Source(Variant):
    """A corpus: what it holds now, and its documents."""

    domains: tuple[DomainName, ...] = Field(default=(), description="to read; empty: all there are")

    @abstractmethod
    def resolved(self) -> Self:
        """The same source with ``domains`` spelled out and paths absolute.

        Raises:
            DataError: there is nothing at the place it names.
        """

    @abstractmethod
    def manifest(self, domain: str) -> dict[str, str]:
        """What the documents of ``domain`` depend on: names to digests; changes iff they can."""

    @abstractmethod
    def documents(self, domain: str) -> Iterator[Document]:
        """The documents of one domain, always in the same order.

        Raises:
            DataError: the text is not what was promised; the message has file, line and rule.
        """

    def skipped(self, domain: str) -> dict[str, int]:
        """How many things at the place are no documents of ``domain``, by reason; looks again."""
        return {}
