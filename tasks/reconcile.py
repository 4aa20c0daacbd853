"""Step: what runs that died have left, in the registry, the ledger and on the Prefect page."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType

from tasks import ledger
from tasks.phases import settle

ALIVE = [StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]


@task
def stale() -> list[str]:
    """Requests that are ``running`` though the flow run which had them is over, or unknown."""
    running = [one for one in ledger.listed() if one.status == "running"]
    alive = _alive([one.run for one in running])
    return [one.id for one in running if one.run not in alive]


@task(task_run_name="settle-{model}")
def settled(model: str) -> list[str]:
    """Finish or remove the registrations of ``model`` that were killed here; their MLflow runs."""
    return settle(model)


@task
def stuck(hours: float) -> list[str]:
    """Flow runs that are running since ``hours`` or longer; they are left as they are.

    One whose process is gone is marked crashed by the automation ``lethe: run stuck``.
    """
    before = datetime.now(UTC) - timedelta(hours=hours)
    chosen = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
        start_time=FlowRunFilterStartTime(before_=before),
    )
    with get_client(sync_client=True) as client:
        return [str(run.id) for run in client.read_flow_runs(flow_run_filter=chosen)]


def _alive(runs: Sequence[str]) -> set[str]:
    """Those of ``runs`` that Prefect knows and that are not over."""
    ids = [run for run in map(_identity, runs) if run]
    if not ids:
        return set()
    chosen = FlowRunFilter(
        id=FlowRunFilterId(any_=ids),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ALIVE)),
    )
    with get_client(sync_client=True) as client:
        return {str(run.id) for run in client.read_flow_runs(flow_run_filter=chosen)}


def _identity(run: str) -> UUID | None:
    try:
        return UUID(run)
    except ValueError:
        return None  # a run that was never Prefect's, as somebody's script; nobody vouches for it
