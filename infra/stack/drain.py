"""Take no more runs, and wait for those that go on: ``python -m infra.stack run drain``."""

import sys
import time

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType

from infra.stack.services import POOL
from infra.stack.settings import StackSettings, setting

GOING = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
POLL_SECONDS = 1


def main() -> int:
    """Drain the pool; 1 where runs go on after all."""
    settings = StackSettings()
    with get_client(sync_client=True) as client:
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))
        left = _waited(client, settings.drain_seconds)
    if not left:
        return 0
    names = ", ".join(run.name for run in left)
    sys.stderr.write(
        f"{names} still run after {settings.drain_seconds:g} s, and the pool takes no others: "
        f"wait and stop again, start again, or cancel them; {setting('drain_seconds')}=0 ends them"
    )
    return 1


def _waited(client: SyncPrefectClient, seconds: float) -> list[FlowRun]:
    """The runs that go on after at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := _going(client)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def _going(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=GOING))
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
    )


if __name__ == "__main__":
    sys.exit(main())
