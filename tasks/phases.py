"""Registration in two phases: all of an event is logged and read back, then its version is made.

An event is one MLflow run with a run per model below it. Its status is the mark of completeness:
it is ended last, after the alias has moved. A run that was never ended is a leftover; the next
registration finishes it where the alias had moved already, and removes it otherwise.
"""

import json
import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version as installed
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import mlflow
import mlflow.transformers
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from requests.exceptions import RequestException
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.core.errors import BusyError, RegistryError
from tasks.core.event import Role
from tasks.core.history import History
from tasks.core.lock import held
from tasks.core.settings import Settings
from tasks.registry import (
    FILES,
    HISTORY,
    REQUESTS,
    WEIGHTS,
    below,
    called,
    download,
    files_digest,
    tokenizer_digest,
    weights_digest,
)
from tasks.track import CONTEXT, PARENT, Told, experiment, log_run, tracking

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
EVENT, PLACE = "lethe.event", "lethe.place"
TAG_LENGTH = 5000  # what every tag of a run can hold
PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "tokenizers")
log = logging.getLogger(__name__)


class Data(NamedTuple):
    """A split as it was read, by its DVC digest."""

    split: str
    path: str
    md5: str
    revision: str


class Entry(NamedTuple):
    """What there is to say about an event, before MLflow has seen it."""

    name: str
    """Of the experiment and of the registered model."""
    fingerprint: str
    told: Told
    models: Mapping[Role, Told]
    data: Sequence[Data]
    artifacts: Sequence[tuple[Path, str]]
    """Files and folders, and the folder of the run they go to."""
    released: Role
    """Which of the models the weights are those of."""
    weights: Path | None
    """The checkpoint to register; none when the gate failed."""
    alias: str
    """What the new version is known by."""
    history: History
    """Of the model that is registered."""
    requests: Sequence[Mapping[str, Any]]
    """What each deletion request that the event answers takes."""
    config: Mapping[str, Any]
    tags: Mapping[str, str]


class Logged(NamedTuple):
    """A model that was logged and read back."""

    model_id: str
    files: str
    """Digest of its files as they came back."""


class Entered(NamedTuple):
    """Where an event is."""

    run_id: str
    version: str
    """Empty when the gate failed."""


def enter(entry: Entry) -> Entered:
    """Log an event and register its model, or find that it was done before.

    Raises:
        RegistryError: the registry failed; no version of this event is left in it.
        BusyError: another registration under the same name goes on.
    """
    with held(_lock(entry.name), Settings().wait_seconds), tracking() as client:
        experiment_id = experiment(client, entry.name)
        _settle(client, experiment_id, entry.name, entry.fingerprint)
        return _found(client, experiment_id, entry) or _entered(client, experiment_id, entry)


def settle(name: str) -> list[str]:
    """Finish or remove what killed registrations under ``name`` left here; the ids of their runs.

    None while a registration under that name goes on, for it does the same first.
    """
    with suppress(BusyError), held(_lock(name), 0), tracking() as client:
        if known := client.get_experiment_by_name(name):
            return _settle(client, known.experiment_id, name, "")
    return []


def _lock(name: str) -> Path:
    return Settings().root / "registry" / f".{name}.lock"


def _entered(client: MlflowClient, experiment_id: str, entry: Entry) -> Entered:
    before = _at(client, entry)
    try:
        run_id, roles = _logged(client, experiment_id, entry)
        version = ""
        if entry.weights:
            logged = _log_weights(roles[entry.released], entry)
            version = _registered(client, entry, run_id, logged)
        client.set_terminated(run_id)
    except BaseException:
        _undo(client, experiment_id, entry, before)
        raise
    return Entered(run_id, version)


def _logged(client: MlflowClient, experiment_id: str, entry: Entry) -> tuple[str, dict[Role, str]]:
    tags = {name: value[:TAG_LENGTH] for name, value in entry.tags.items()}
    marked = entry.told._replace(tags={**tags, EVENT: entry.fingerprint, PLACE: _place()})
    run_id = log_run(client, experiment_id, marked)
    client.log_dict(run_id, dict(entry.config), "config.json")
    client.log_dict(run_id, entry.history.model_dump(mode="json"), HISTORY)
    client.log_dict(run_id, {"requests": list(entry.requests)}, REQUESTS)
    client.log_inputs(run_id, [_dataset(data) for data in entry.data])
    for path, at in entry.artifacts:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), at)
        else:
            client.log_artifact(run_id, str(path), at)
    roles: dict[Role, str] = {}
    for role, told in entry.models.items():
        child = told._replace(tags={**told.tags, PARENT: run_id})
        roles[role] = log_run(client, experiment_id, child)
        client.set_terminated(roles[role])
    return run_id, roles


def _log_weights(run_id: str, entry: Entry) -> Logged:
    """Log the checkpoint and read it back.

    Raises:
        RegistryError: what comes back is not what was logged.
    """
    folder = entry.weights
    assert folder is not None
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", local_files_only=True, use_safetensors=True
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.transformers.log_model(
            {"model": model, "tokenizer": tokenizer},
            name=entry.released,
            task="text-generation",
            pip_requirements=[f"{name}=={installed(name)}" for name in PACKAGES],
        )
    with _scratch(entry.name) as back:
        download(f"models:/{logged.model_id}", back)
        for digest in (weights_digest, tokenizer_digest):
            if digest(back) != digest(folder):
                raise RegistryError(
                    f"{logged.model_id}: {digest.__name__} of what came back differs from "
                    f"{folder}; check the artifact store and register again"
                )
        return Logged(str(logged.model_id), files_digest(back))


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    """An empty folder; the next to hold the lock of ``name`` removes what a killed one left."""
    folder = Settings().root / "registry" / f".{name}.scratch"
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _registered(client: MlflowClient, entry: Entry, run_id: str, logged: Logged) -> str:
    """Make the version with all its tags in one call, then move the alias."""
    assert entry.weights is not None
    if not client.search_registered_models(f"name = '{entry.name}'"):
        client.create_registered_model(entry.name, description="Made by Lethe: text was forgotten.")
    told = {
        **entry.tags,
        EVENT: entry.fingerprint,
        WEIGHTS: weights_digest(entry.weights),
        FILES: logged.files,
    }
    version = client.create_model_version(
        entry.name,
        source=f"models:/{logged.model_id}",
        run_id=run_id,
        model_id=logged.model_id,
        tags={**told, "lethe.run": run_id, "lethe.report": f"runs:/{run_id}/report.html"},
    )
    client.set_registered_model_alias(entry.name, entry.alias, version.version)
    return called(version)


def _found(client: MlflowClient, experiment_id: str, entry: Entry) -> Entered | None:
    """Where the same event was entered before, and is whole still."""
    for run in _ended(client, experiment_id, entry):
        if entry.weights is None:
            return Entered(run.info.run_id, "")
        if version := _version_of(client, entry.name, run):
            return Entered(run.info.run_id, called(version))
    return None


def _ended(client: MlflowClient, experiment_id: str, entry: Entry) -> list[Run]:
    query = f"tags.`{EVENT}` = '{entry.fingerprint}' AND attributes.status = 'FINISHED'"
    return list(client.search_runs([experiment_id], query))


def _settle(client: MlflowClient, experiment_id: str, name: str, fingerprint: str) -> list[str]:
    """Finish or remove what earlier attempts left: of that event, or begun in this place.

    The ids of their runs.
    """
    done = list[str]()
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        told = run.data.tags
        if told.get(EVENT) == fingerprint or told.get(PLACE) == _place():
            version = _version_of(client, name, run)
            if version and str(version.version) in map(str, _aliases(client, name).values()):
                client.set_terminated(run.info.run_id)
            else:
                _remove(client, name, run, version)
            done.append(str(run.info.run_id))
    return done


def _remove(client: MlflowClient, name: str, run: Run, version: ModelVersion | None) -> None:
    log.warning("removing what run %s left when it was interrupted", run.info.run_id)
    if version:
        client.delete_model_version(name, version.version)
    if not client.search_model_versions(f"name = '{name}'"):
        for empty in client.search_registered_models(f"name = '{name}'"):
            client.delete_registered_model(empty.name)
    for child in below(client, run):
        query = f"source_run_id = '{child.info.run_id}'"
        for model in client.search_logged_models([run.info.experiment_id], query):
            get_artifact_repository(model.artifact_location).delete_artifacts()
            client.delete_logged_model(model.model_id)
        client.delete_run(child.info.run_id)
    client.delete_run(run.info.run_id)


def _undo(client: MlflowClient, experiment_id: str, entry: Entry, before: str) -> None:
    """Put the alias back and remove the rest, now or, where the registry is gone, the next time."""
    try:
        for run in _ended(client, experiment_id, entry):  # heard, though the answer was lost
            if _version_of(client, entry.name, run):
                client.update_run(run.info.run_id, status="RUNNING")
        if before and _at(client, entry) != before:
            client.set_registered_model_alias(entry.name, entry.alias, before)
        elif not before and _at(client, entry):
            client.delete_registered_model_alias(entry.name, entry.alias)
        _settle(client, experiment_id, entry.name, entry.fingerprint)
    except (MlflowException, RequestException) as error:
        log.warning("leftovers stay until the next registration: %s", error)


def _at(client: MlflowClient, entry: Entry) -> str:
    """The number of the version the alias is at; empty where it is at none."""
    return str(_aliases(client, entry.name).get(entry.alias, ""))


def _aliases(client: MlflowClient, name: str) -> dict[str, str]:
    """The number of the version that each alias of a model is at."""
    known = client.search_registered_models(f"name = '{name}'")
    return dict(known[0].aliases) if known else {}


def _version_of(client: MlflowClient, name: str, run: Run) -> ModelVersion | None:
    query = f"name = '{name}' AND run_id = '{run.info.run_id}'"
    return next(iter(client.search_model_versions(query)), None)


def _dataset(data: Data) -> DatasetInput:
    source = json.dumps({"uri": data.path})
    marks = {
        CONTEXT: data.split,
        "dvc.md5": data.md5,
        "dvc.rev": data.revision,
        "dvc.path": data.path,
    }
    return DatasetInput(
        Dataset(data.split, data.md5, "local", source),
        [InputTag(key, value) for key, value in marks.items()],
    )


def _place() -> str:
    """Where attempts exclude each other: a machine and its folder of outputs."""
    return f"{socket.gethostname()}:{Settings().root}"
