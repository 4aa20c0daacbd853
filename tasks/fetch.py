"""Step: bring a registered version and the exact data it was judged on back to this machine."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from prefect import task

from tasks.core.history import History
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.registry import fetch_model, history, tags
from tasks.versions import restore


class Registered(Section):
    """A version, by what its tags say it is."""

    version: str
    weights: str
    """SHA-256 of the weights."""


class Revision(Section):
    """A state of a data workspace."""

    workspace: str
    revision: str


class Fetched(NamedTuple):
    """A registered model and the splits it was made and judged on."""

    model: Record
    data: Record


@task(task_run_name="fetch-{version}")
def fetch(version: str) -> Fetched:
    """The model and the data of ``version``, digests verified.

    Raises:
        RegistryError: there is no such version, or its weights are not those that were registered.
    """
    told = tags(version)
    return Fetched(model=_model(version, told), data=_data(told))


@task(task_run_name="fetch-data-{version}")
def fetch_data(version: str) -> Record:
    """The splits that ``version`` was made and judged on.

    Raises:
        StorageError: the remote does not have them any more.
    """
    return _data(tags(version))


@task(task_run_name="fetch-history-{version}")
def fetch_history(version: str) -> History:
    """What the model of ``version`` was trained on, and what it has forgotten."""
    return history(version)


@task(task_run_name="fetch-weights-{version}")
def fetch_weights(version: str) -> Record:
    """The model of ``version``, digests verified.

    Raises:
        RegistryError: there is no such version, or its weights are not those that were registered.
    """
    return _model(version, tags(version))


def _model(version: str, told: Mapping[str, str]) -> Record:
    registered = Registered(version=told["lethe.version"], weights=told["lethe.weights"])
    return keep(
        Identity(kind="fetched-model", config=registered, rooms=("fetch",)),
        lambda scratch: fetch_model(version, scratch),
    )


def _data(told: Mapping[str, str]) -> Record:
    revision = Revision(workspace=told["lethe.workspace"], revision=told["lethe.revision"])
    return keep(
        Identity(kind="fetched-splits", config=revision, rooms=("fetch",)),
        lambda scratch: _splits(revision, scratch),
    )


def _splits(revision: Revision, out: Path) -> None:
    with TemporaryDirectory(dir=out.parent) as folder:
        workspace = Path(folder) / "workspace"
        restore(Path(revision.workspace), revision.revision, workspace)
        shutil.copytree(workspace / "artifacts/data/splits", out, dirs_exist_ok=True)
