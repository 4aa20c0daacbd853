"""Step: a new deletion request, entered in the ledger."""

from datetime import UTC, datetime

from prefect import task
from pydantic import Field

from tasks import ledger
from tasks.core.variants import Section
from tasks.requests.deletion import Draft, Ground, valid
from tasks.requests.request import Request


class Asked(Section):
    """What is asked, by whom and on what ground; due 30 days from now."""

    asked_by: str = Field(
        default="",
        max_length=64,
        description="who asks, by a reference with a number such as subject-0042: no name",
        examples=["subject-0042"],
    )
    ground: Ground = Field(default="consent_withdrawn", description="the legal ground")
    request: Request = Field(default=Request(), description="what is to be forgotten")

    @property
    def given(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.asked_by) or self.request != Request()


@task
def file(asked: Asked, model: str) -> list[str]:
    """The id of what is asked, in the ledger; the same ask has the same id. None where none is.

    Raises:
        ConfigError: who asks is no reference, or nothing is named.
    """
    if not asked.given:
        return []
    draft = valid(Draft, {**dict(asked), "received": datetime.now(UTC), "models": (model,)})
    return [ledger.add(draft).id]
