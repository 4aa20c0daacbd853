"""What a model has read and has been made to forget: where the next event starts from."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from tasks.core.variants import Section

PSEUDONYMS = "evidence"
"""Purpose of the ledger's key that document ids are replaced under where they must not stay."""

DocIds = Annotated[tuple[str, ...], Field(max_length=10_000_000)]


class History(Section):
    """Documents by id; both empty for a model that the first event trains or is given."""

    seen: DocIds = Field(default=(), description="what the model was trained on, by id")
    forgotten: DocIds = Field(default=(), description="of these, what it has forgotten since")

    @property
    def begun(self) -> bool:
        """Whether there is an earlier event to go on from."""
        return bool(self.seen)

    def prevents(self, doc_id: str) -> str:
        """Why the model cannot be made to forget a document; empty where it can."""
        if not self.begun or doc_id in self.known:
            return ""
        return "was forgotten before" if doc_id in self.gone else "was never seen by the model"

    def after(self, forgotten: tuple[str, ...]) -> "History":
        """The history of the model that has forgotten ``forgotten`` too."""
        return History(seen=self.seen, forgotten=tuple(sorted({*self.forgotten, *forgotten})))

    @cached_property
    def known(self) -> frozenset[str]:
        """What was seen and not forgotten."""
        return frozenset(self.seen) - self.gone

    @cached_property
    def gone(self) -> frozenset[str]:
        """What was forgotten."""
        return frozenset(self.forgotten)
