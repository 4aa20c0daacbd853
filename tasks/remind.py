"""Step: requests that are due soon, or late, are called out."""

from datetime import UTC, datetime

from prefect import task
from prefect.events import emit_event
from pydantic import BaseModel, ConfigDict

from tasks import ledger
from tasks.core.events import REQUEST_DUE
from tasks.requests.deletion import Deletion


class Due(BaseModel):
    """A request that must be done soon, or should have been."""

    model_config = ConfigDict(frozen=True)
    id: str
    status: str
    days_left: int
    """Whole days; below 0: late."""


@task
def remind(days: int) -> list[Due]:
    """Emit ``lethe.request.due`` for every open request that is due within ``days``, or overdue.

    An event holds id, status, models and days left; nothing of what is asked, nor by whom.
    """
    now = datetime.now(UTC)
    due = [one for one in ledger.listed() if one.open and one.days_left(now) < days]
    return [_called(one, one.days_left(now)) for one in due]


def _called(one: Deletion, days_left: int) -> Due:
    emit_event(
        REQUEST_DUE,
        resource={
            "prefect.resource.id": f"lethe.request.{one.id}",
            "prefect.resource.name": one.id,
        },
        payload={
            "id": one.id,
            "status": one.status,
            "models": list(one.models),
            "days_left": days_left,
        },
    )
    return Due(id=one.id, status=one.status, days_left=days_left)
