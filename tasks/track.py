"""What runs tell the outside: progress now, MLflow afterwards.

With ``registry``, which reads model versions, and ``phases``, which writes them, the only file
that imports mlflow.
"""

import logging
import math
import os
import re
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from requests.exceptions import RequestException
from tqdm import tqdm

from tasks.core.errors import RegistryError
from tasks.core.lock import held
from tasks.core.record import storage
from tasks.core.settings import Settings
from tasks.training.loop import StepReport

PARENT, CONTEXT = "mlflow.parentRunId", "mlflow.data.context"
SEARCH = "lethe.search"
log = logging.getLogger(__name__)
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
REACH_SECONDS = 5
MOST = 10_000  # runs below a search
METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100  # the most that MLflow takes in one call
PARAMETER_LENGTH = 6000


class Measured(NamedTuple):
    """A figure; ``step`` is 0 where there is only one."""

    name: str
    value: float
    step: int = 0


class Told(NamedTuple):
    """What one run is told."""

    name: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Sequence[Measured]


def follow(reports: Generator[StepReport], label: str, total: int) -> None:
    """Drain ``reports`` into a progress bar and, inside a flow run, a Prefect progress artifact.

    ``reports`` is closed on any way out, so that what makes them stops with whoever listens.
    """
    artifact = (
        create_progress_artifact(progress=0.0, description=label) if TaskRunContext.get() else None
    )
    with closing(reports), tqdm(total=total, desc=label, unit="step") as bar:
        for report in reports:
            bar.update(report.step - bar.n)
            shown = {"loss": report.forget_loss, "keep": report.keep_loss}
            bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items() if not math.isnan(v)})
            if artifact and (report.step == total or report.step % max(total // 20, 1) == 0):
                _progress(artifact, 100.0 * report.step / total)


def _progress(artifact: Any, percent: float) -> None:
    """Tell the page how far a training is; a page that is down is no reason to end one."""
    try:
        update_progress_artifact(artifact, percent)
    except httpx.HTTPError as error:
        log.warning("the page was not told of the progress: %s", type(error).__name__)


@contextmanager
def tracking() -> Iterator[MlflowClient]:
    """A client of the tracking address; what it has to say goes to standard error.

    Raises:
        RegistryError: the address does not answer, or refuses what it is asked.
        StorageError: the disk is full, or may not be written.
    """
    uri, root = Settings().mlflow_uri, Settings().root
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with storage(root / "mlflow"), redirect_stdout(sys.stderr):
        root.mkdir(parents=True, exist_ok=True)
        _reach(uri)
        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            yield _client(uri)
        except (MlflowException, RequestException) as error:
            said = " ".join(str(error).split())[:300]
            raise RegistryError(
                f"{shown(uri)} refused: {said}; run the same again, or set LETHE_TRACKING_URI"
            ) from error


def _client(uri: str) -> MlflowClient:
    """A client; a database of our own is made by one process at a time, for two would collide."""
    if urlsplit(uri).scheme.startswith("http"):
        return MlflowClient(uri, uri)
    settings = Settings()
    with held(settings.root / ".mlflow.lock", settings.wait_seconds):
        return MlflowClient(uri, uri)


def shown(uri: str) -> str:
    """An address without the password it may hold."""
    return re.sub(r"//[^/@]*@", "//", uri)


def experiment(client: MlflowClient, name: str) -> str:
    """The id of an experiment, made if it is not there."""
    if known := client.get_experiment_by_name(name):
        return str(known.experiment_id)
    served = urlsplit(Settings().mlflow_uri).scheme.startswith("http")
    location = None if served else (Settings().root / "mlflow" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def log_run(client: MlflowClient, experiment_id: str, told: Told) -> str:
    """A new run that holds what it is told, still running; its id."""
    run = client.create_run(experiment_id, run_name=told.name, tags=dict(told.tags))
    _tell(client, run.info.run_id, told)
    return str(run.info.run_id)


def _tell(client: MlflowClient, run_id: str, told: Told) -> None:
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for name, value, step in told.metrics]
    for at in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[at : at + METRICS_AT_ONCE])
    parameters = [Param(name, text[:PARAMETER_LENGTH]) for name, text in told.parameters.items()]
    for at in range(0, len(parameters), PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=parameters[at : at + PARAMETERS_AT_ONCE])


def log_nested(name: str, parent: Told, children: Sequence[Told], whole: bool) -> str:
    """A run with one below it for each of ``children``; told again, only what is new is added.

    The parent is known by its tag ``SEARCH``, a child by its name. The parent is ended, and told
    its parameters and figures, when it is ``whole``. Its id.
    """
    with tracking() as client:
        experiment_id = experiment(client, name)
        query = f"tags.`{SEARCH}` = '{parent.tags[SEARCH]}'"
        found = client.search_runs([experiment_id], query)
        begun = parent._replace(parameters={}, metrics=())
        run_id = found[0].info.run_id if found else log_run(client, experiment_id, begun)
        below = client.search_runs(
            [experiment_id], f"tags.`{PARENT}` = '{run_id}'", max_results=MOST
        )
        known = {run.info.run_name for run in below}
        new = [child for child in children if child.name not in known]
        for child in new:
            marked = child._replace(tags={**child.tags, PARENT: run_id})
            client.set_terminated(log_run(client, experiment_id, marked))
        if whole and not (found and found[0].info.status == "FINISHED" and not new):
            _tell(client, run_id, parent)
            client.set_terminated(run_id)
        return str(run_id)


def figures(prefix: str, values: Mapping[str, Any]) -> list[Measured]:
    """Nested scores as metrics named by their path; null is NaN, a string is no metric."""
    found: list[Measured] = []
    for key, value in values.items():
        name = f"{prefix}/{key}" if prefix else key
        if isinstance(value, Mapping):
            found += figures(name, value)
        elif value is None or isinstance(value, int | float):
            found.append(Measured(name, math.nan if value is None else float(value)))
    return found


def _reach(uri: str) -> None:
    """Ask whether anybody answers, so that nobody waits minutes to hear that nobody does."""
    if not urlsplit(uri).scheme.startswith("http"):
        return
    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=REACH_SECONDS)
    except RequestException as error:
        raise RegistryError(
            f"{shown(uri)} does not answer ({type(error).__name__}): start it, "
            "or set LETHE_TRACKING_URI"
        ) from None
