"""Tell Prefect of the pool, its queue for GPUs, the deployments, and what ends a dead run.

Runs as a client of the stack: ``python -m infra.stack run deploy``. Doing it again changes nothing.
"""

import sys
import tempfile

import yaml
from prefect.cli import app as prefect_command
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from flows import automations, pipelines
from infra.stack.services import POOL
from infra.stack.settings import StackSettings
from tasks.core.settings import PROJECT

GPU_QUEUE = "gpu"
TEMPLATE = PROJECT / "infra/kubernetes/work-pool.json"


def main() -> None:
    """Deploy everything."""
    settings = StackSettings()
    _prefect("work-pool", "create", POOL, "--overwrite", *_kind(settings))
    with get_client(sync_client=True) as client:
        _limit_gpus(client, settings.gpus)
        _deploy_pipelines()
        automations.apply()
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


if __name__ == "__main__":
    main()
