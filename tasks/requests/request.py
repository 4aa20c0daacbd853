"""What somebody asks to be forgotten: the union of the lists, within the range of dates."""

import hashlib
import re
from datetime import date
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from tasks.core.variants import Section

DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Name = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Names = Annotated[tuple[Name, ...], Field(max_length=10_000)]
Passage = Annotated[str, StringConstraints(min_length=1, max_length=20_000_000)]


class Request(Section):
    """A deletion request; a range of dates without any list selects by date alone."""

    # A passage is text that must be forgotten: no error may quote it.
    model_config = ConfigDict(hide_input_in_errors=True)

    doc_ids: Names = Field(
        default=(),
        description="documents, by their id, exactly",
        examples=[["books:pg1342:001"]],
    )
    authors: Names = Field(
        default=(),
        description="people, as spelled in the corpus; any case",
        examples=[["Jane Austen"]],
    )
    titles: Names = Field(
        default=(),
        description="titles; case, spaces, quotes, dashes ignored",
        examples=[["Pride and Prejudice"]],
    )
    repositories: Names = Field(
        default=(),
        description="repositories of code, owner/name",
        examples=[["owner/name"]],
    )
    owners: Names = Field(
        default=(),
        description="owners of repositories, all they hold",
        examples=[["owner"]],
    )
    groups: Names = Field(
        default=(),
        description="natural units, such as book:pg1342",
        examples=[["book:pg1342"]],
    )
    licenses: Names = Field(
        default=(),
        description="licences, as spelled in the corpus; any case",
        examples=[["MIT"]],
    )
    passages: Annotated[tuple[Passage, ...], Field(max_length=1_000)] = Field(
        default=(),
        description="pasted text; case, spaces, quotes, dashes, underscores ignored",
        examples=[["a sentence of the text, as it stands there"]],
    )
    dated_from: str = Field(
        default="", description="first day, month or year; empty: open", examples=["2017-05-31"]
    )
    dated_to: str = Field(
        default="", description="last day, month or year; empty: open", examples=["2017"]
    )

    @field_validator("dated_from", "dated_to")
    @classmethod
    def _a_date(cls, text: str) -> str:
        if text:
            parts = DATE.fullmatch(text)
            if parts is None:
                raise ValueError("must be a year, a month 2017-05 or a day 2017-05-31")
            year, month, day = parts.groups(default="1")
            date(int(year), int(month), int(day))
        return text

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.dated and first_day(self.dated_from) > last_day(self.dated_to):
            raise ValueError("dated_from is after dated_to: swap them, or leave one empty")
        return self

    @property
    def dated(self) -> bool:
        """Whether there is a range at all."""
        return bool(self.dated_from or self.dated_to)

    def redacted(self) -> Self:
        """The same request with each passage replaced by its digest: fit for records and logs."""
        return self.model_copy(update={"passages": tuple(map(_digest, self.passages))})

    def covers(self, dated: str) -> bool:
        """Whether a document of that date may lie in the range; ``2017`` may be any day of it."""
        return first_day(self.dated_from) <= last_day(dated) and (
            first_day(dated) <= last_day(self.dated_to)
        )


LISTS = tuple(name for name in Request.model_fields if not name.startswith("dated_"))
"""The selectors of which a request has any number."""


def _digest(text: str) -> str:
    """``sha256:`` and the digest of ``text``; a digest stays what it is."""
    return text if DIGEST.fullmatch(text) else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def first_day(text: str) -> str:
    """The earliest day a date may stand for; the beginning of time where it is empty."""
    return (text or "0000") + "-01-01"[len(text or "0000") - 4 :]


def last_day(text: str) -> str:
    """The latest day a date may stand for; the end of time where it is empty."""
    return (text or "9999") + "-12-31"[len(text or "9999") - 4 :]
