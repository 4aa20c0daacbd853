"""What an erasure could not remove, or must not: kinds and counts, no id and no text."""

from typing import Literal

from pydantic import Field

from tasks.core.variants import Section

Kind = Literal[
    "version_in_grace",
    "version_of_other_model",
    "quoted_text",
    "quoted_name",
    "text_gone_before",
    "tombstone",
    "history_dropped",
    "record",
]

SAYS: dict[Kind, str] = {
    "version_in_grace": "model versions that know it, revoked and kept until {until}",
    "version_of_other_model": "versions of models that were not asked to forget it, and know it",
    "quoted_text": "pieces of it that other documents hold too, and that stay with those",
    "quoted_name": "ids or names of the request that other documents hold too",
    "text_gone_before": "documents known by their id alone, for their text was gone before",
    "tombstone": "tombstones: keyed digests that refuse it if it comes back",
    "history_dropped": "data workspaces without the revisions before the erasure",
    "record": "entries of the log and certificates: digests and counts, no id and no text",
}


class Remaining(Section):
    """One kind of thing that is still there."""

    kind: Kind
    count: int = Field(ge=1)
    until: str = Field(default="", description="the day on which it goes; empty: it stays")

    @property
    def line(self) -> str:
        """For a person, and for the certificate."""
        return f"{self.count:,} {SAYS[self.kind].format(until=self.until)}"


class Remains(Section):
    """Everything that is still there after the erasure of a request."""

    request: str = Field(pattern=r"^r-[0-9a-f]{12}$")
    remaining: tuple[Remaining, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """One for each kind."""
        return tuple(one.line for one in self.remaining)
