"""Tell Prefect of the pool, its queue for GPUs, the deployments, and what ends a dead run.

Runs as a client of the stack: ``python -m infra.stack run deploy``. Doing it again changes nothing.
"""

import sys
import tempfile
from datetime import timedelta

import yaml
from prefect.cli import app as prefect_command
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from flows import pipelines
from infra.stack.services import HEARTBEAT_SECONDS, POOL
from infra.stack.settings import StackSettings
from tasks.core.settings import PROJECT

GPU_QUEUE = "gpu"
DEAD_RUNS = "a run without a sign of life has crashed"
ENDED = ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused")
TEMPLATE = PROJECT / "infra/kubernetes/work-pool.json"


def main() -> None:
    """Deploy everything."""
    settings = StackSettings()
    _prefect("work-pool", "create", POOL, "--overwrite", *_kind(settings))
    with get_client(sync_client=True) as client:
        _limit_gpus(client, settings.gpus)
        _end_dead_runs(client)
        _deploy_pipelines()
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=False))


def _kind(settings: StackSettings) -> list[str]:
    template = ["--base-job-template", str(TEMPLATE)] if settings.pool_type == "kubernetes" else []
    return ["--type", settings.pool_type, *template]


def _prefect(*arguments: str) -> None:
    """Prefect's own command line; in this process, for loading the flows once more takes longest.

    It ends the process where it fails, and has said why.
    """
    sys.argv = ["prefect", "--no-prompt", *arguments]
    try:
        prefect_command()
    except SystemExit as end:
        if end.code:
            raise


def _deploy_pipelines() -> None:
    """Check the file here, once: its build step would load every flow again per deployment."""
    pipelines.read()
    known = yaml.safe_load(pipelines.PIPELINES.read_text())
    del known["build"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(known, file)
        file.flush()
        _prefect("deploy", "--prefect-file", file.name, "--all")


def _limit_gpus(client: SyncPrefectClient, gpus: int) -> None:
    """A limit of the queue counts the runs themselves; a lease could outlive its holder."""
    try:
        queue = client.read_work_queue_by_name(GPU_QUEUE, work_pool_name=POOL)
    except ObjectNotFound:
        queue = client.create_work_queue(GPU_QUEUE, work_pool_name=POOL)
    client.update_work_queue(queue.id, concurrency_limit=gpus)


def _end_dead_runs(client: SyncPrefectClient) -> None:
    """A worker that is killed cannot say that its runs died; the silence of a run does."""
    wanted = _watch()
    found = client.read_automations_by_name(DEAD_RUNS)
    if found:
        client.update_automation(found[0].id, wanted)
    else:
        client.create_automation(wanted)


def _watch() -> AutomationCore:
    heartbeat = "prefect.flow-run.heartbeat"
    trigger = EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        for_each={"prefect.resource.id"},
        after={heartbeat},
        expect={heartbeat, *(f"prefect.flow-run.{state}" for state in ENDED)},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=2.5 * HEARTBEAT_SECONDS),  # one may be late
    )
    crashed = ChangeFlowRunState(state=StateType.CRASHED, message="no sign of life")
    return AutomationCore(name=DEAD_RUNS, trigger=trigger, actions=[crashed])


if __name__ == "__main__":
    main()
