"""What Prefect holds of what is to be erased: flow runs are deleted through its API."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.sorting import FlowRunSort

PAGE = 200

Holds = Callable[[str, bytes], bool]


def flow_runs() -> Iterator[tuple[str, bytes]]:
    """What Prefect keeps of each flow run: parameters, state, artifacts and logs."""
    with get_client(sync_client=True) as client:
        for run in _runs(client):
            yield f"flow run {run.id}", _told(client, run)


def deployments() -> Iterator[tuple[str, bytes]]:
    """What Prefect keeps of each deployment; its parameters are its operator's to change."""
    with get_client(sync_client=True) as client:
        for one in _paged(lambda at: client.read_deployments(limit=PAGE, offset=at)):
            yield f"deployment {one.name}", one.model_dump_json().encode("utf-8", "surrogatepass")


def withdraw(holds: Holds) -> int:
    """Delete the flow runs that hold it, with their artifacts and logs; how many."""
    with get_client(sync_client=True) as client:
        held = [run for run in list(_runs(client)) if holds("", _told(client, run))]
        for run in held:
            for artifact in _artifacts(client, run.id):
                client.delete_artifact(artifact.id)
            client.delete_flow_run(run.id)
    return len(held)


def _runs(client: SyncPrefectClient) -> Iterator[FlowRun]:
    return _paged(lambda at: client.read_flow_runs(sort=FlowRunSort.ID_DESC, limit=PAGE, offset=at))


def _artifacts(client: SyncPrefectClient, run: UUID) -> list[Artifact]:
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    return list(
        _paged(lambda at: client.read_artifacts(artifact_filter=chosen, limit=PAGE, offset=at))
    )


def _told(client: SyncPrefectClient, run: FlowRun) -> bytes:
    chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    logs = _paged(lambda at: client.read_logs(chosen, limit=PAGE, offset=at))
    artifacts = (json.dumps(one.data, default=str) for one in _artifacts(client, run.id))
    told = [run.model_dump_json(), *artifacts, *(line.message for line in logs)]
    return "\0".join(told).encode("utf-8", "surrogatepass")


def _paged(read: Callable[[int], Sequence[Any]]) -> Iterator[Any]:
    at = 0
    while page := read(at):
        yield from page
        at += len(page)
