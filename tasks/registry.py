"""Model versions as they are read: by name, with their lineage, their report and their weights."""

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import torch
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from safetensors.torch import load_file

from tasks.core.errors import RegistryError
from tasks.core.history import History
from tasks.core.record import digests
from tasks.core.settings import Settings
from tasks.metrics import scores
from tasks.track import CONTEXT, PARENT, Told, experiment, figures, log_run, shown, tracking

VERSION = re.compile(r"(?P<name>[\w-]+)(?:/(?P<number>\d+)|@(?P<alias>[\w-]+))")
WEIGHTS, FILES = "lethe.weights", "lethe.files"
VERDICT = "lethe.verdict"
"""Tag of a version that an event made; one that was adopted has none."""
HISTORY, REQUESTS = "history.json", "requests.json"
PARTS = ("model", "components/tokenizer")
"""Where MLflow puts what a checkpoint folder holds side by side."""


def find(client: MlflowClient, version: str) -> ModelVersion:
    """The model version that ``lethe-name/3`` or ``lethe-name@alias`` means.

    Raises:
        RegistryError: there is none; the message names those that exist.
    """
    written = VERSION.fullmatch(version)
    try:
        if written and written["alias"]:
            return client.get_model_version_by_alias(written["name"], written["alias"])
        if written:
            return client.get_model_version(written["name"], written["number"])
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise RegistryError(f"no model version {version!r}: {_known(client)}")


def called(version: ModelVersion) -> str:
    """What a person names a version by: ``lethe-name/3``."""
    return f"{version.name}/{version.version}"


def tags(version: str) -> dict[str, str]:
    """What a version says of itself; ``lethe.version`` is its name, and not its alias."""
    with tracking() as client:
        found = find(client, version)
        return {**found.tags, "lethe.version": called(found)}


def show(version: str) -> dict[str, Any]:
    """The lineage of ``version``, as one JSON object; what was not measured is null."""
    with tracking() as client:
        found = find(client, version)
        run = client.get_run(found.run_id)
        roles = {child.info.run_name: child for child in below(client, run)}
        return {
            "version": called(found),
            "aliases": list(client.get_model_version(found.name, found.version).aliases),
            "tags": dict(found.tags),
            "run_id": found.run_id,
            "experiment": client.get_experiment(run.info.experiment_id).name,
            "tracking_uri": shown(Settings().mlflow_uri),
            "parameters": dict(run.data.params),
            "metrics": {"event": _numbers(run), **{n: _numbers(c) for n, c in roles.items()}},
            "datasets": [_as_dict(logged) for logged in run.inputs.dataset_inputs],
            "audits": [
                audit.info.run_id
                for audit in client.search_runs(
                    [run.info.experiment_id], f"tags.`lethe.audit` = '{called(found)}'"
                )
            ],
        }


def history(version: str) -> History:
    """What the model of ``version`` was trained on, and what it has forgotten."""
    with tracking() as client:
        found = find(client, version)
        return History.model_validate(mlflow.artifacts.load_dict(f"runs:/{found.run_id}/{HISTORY}"))


def scored(version: str, name: str) -> Any:
    """What a JSON file among the artifacts of ``version``'s run says; NaN where it has null.

    Raises:
        RegistryError: there is no such version, or its run has no such file.
    """
    with tracking() as client, TemporaryDirectory() as scratch:
        run_id = find(client, version).run_id
        path = mlflow.artifacts.download_artifacts(
            run_id=run_id, artifact_path=name, dst_path=scratch
        )
        return scores.read(Path(path))


def aliased(model: str, alias: str) -> str:
    """The version that ``alias`` of ``model`` is at; empty where it is at none."""
    with tracking() as client:
        for known in client.search_registered_models(f"name = '{model}'"):
            if alias in known.aliases:
                return f"{model}/{known.aliases[alias]}"
    return ""


def intact(version: str) -> bool:
    """Whether the files of ``version``, fetched anew, are those that were registered."""
    with tracking() as client, TemporaryDirectory() as scratch:
        found = find(client, version)
        download(found.source, Path(scratch))
        return files_digest(Path(scratch)) == str(found.tags[FILES])


def report_path(version: str) -> str:
    """Download the report of ``version``; the path of its page."""
    with tracking() as client:
        found = find(client, version)
        folder = Settings().root / "reports" / called(found)
        folder.mkdir(parents=True, exist_ok=True)
        return str(
            mlflow.artifacts.download_artifacts(
                run_id=found.run_id, artifact_path="report.html", dst_path=str(folder)
            )
        )


def fetch_model(version: str, into: Path) -> None:
    """Download the checkpoint folder of ``version`` into ``into``.

    Raises:
        RegistryError: there is no such version, or its files are not those that were registered.
    """
    found = fetch_files(version, into)
    if (digest := files_digest(into)) != found.tags[FILES]:
        raise RegistryError(
            f"{called(found)}: its files have digest {digest[:12]}, registered were "
            f"{found.tags[FILES][:12]}; restore them, or register the event again"
        )


def fetch_files(version: str, into: Path) -> ModelVersion:
    """As `fetch_model`, whatever the files are by now: for whoever compares them."""
    with tracking() as client:
        found = find(client, version)
        if FILES not in found.tags:
            raise RegistryError(
                f"{called(found)} was not registered by Lethe: no digest says what its files are; "
                "register an event instead"
            )
        download(found.source, into)
        return found


def fetch_artifacts(version: str, names: Collection[str], into: Path) -> None:
    """Download those of the files and folders ``names`` that the run of ``version`` has."""
    with tracking() as client:
        run_id = find(client, version).run_id
        for artifact in client.list_artifacts(run_id):
            if artifact.path in names:
                mlflow.artifacts.download_artifacts(
                    run_id=run_id, artifact_path=artifact.path, dst_path=str(into)
                )


def attach(version: str, folder: Path, at: str) -> None:
    """Put what is in ``folder`` among the artifacts of ``version``'s run, under ``at``."""
    with tracking() as client:
        client.log_artifacts(find(client, version).run_id, str(folder), at)


def requirements(version: str) -> dict[str, str]:
    """The packages that the model of ``version`` was logged with, and their versions."""
    with tracking() as client, TemporaryDirectory() as scratch:
        kept = get_artifact_repository(find(client, version).source)
        told = kept.download_artifacts("requirements.txt", scratch)
        lines = Path(told).read_text().split()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def log_audit(version: str, scores: Mapping[str, Any], attacks: Mapping[str, Any]) -> str:
    """A run with what an audit found, tagged with the version it looked at; its id."""
    with tracking() as client:
        audited = find(client, version)
        told = Told(
            name=f"audit of {called(audited)}",
            tags={"lethe.audit": called(audited)},
            parameters={},
            metrics=[*figures("", scores), *figures("attack", attacks)],
        )
        run_id = log_run(client, experiment(client, audited.name), told)
        client.set_terminated(run_id)
        return run_id


def download(source: str, into: Path) -> None:
    """A logged model as the one folder a checkpoint is.

    Raises:
        RegistryError: a part of it is gone.
    """
    with TemporaryDirectory(dir=into) as scratch:
        mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=scratch)
        for part in PARTS:
            if not (Path(scratch) / part).is_dir():
                raise RegistryError(f"{source}: {part} is gone; restore it, or register again")
            copytree(Path(scratch) / part, into, dirs_exist_ok=True)


def files_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of every file, so that it is known before one is read."""
    return hashlib.sha256(json.dumps(digests(folder), sort_keys=True).encode()).hexdigest()


def weights_digest(folder: Path) -> str:
    """SHA-256 over name, type, shape and bytes of every tensor in the safetensors of ``folder``."""
    digest = hashlib.sha256()
    tensors: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.safetensors"):
        tensors |= load_file(path)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 of what tokenizer.json says, however it is laid out."""
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def below(client: MlflowClient, run: Run) -> list[Run]:
    query = f"tags.`{PARENT}` = '{run.info.run_id}'"
    return list(client.search_runs([run.info.experiment_id], query))


def _known(client: MlflowClient) -> str:
    names = [
        called(version) + "".join(f" (@{alias})" for alias in _aliases(client, version))
        for version in client.search_model_versions(max_results=20)
    ]
    return f"there are {', '.join(names)}" if names else "none is registered yet; try `lethe demo`"


def _aliases(client: MlflowClient, version: ModelVersion) -> list[str]:
    return list(client.get_model_version(version.name, version.version).aliases)


def _as_dict(logged: DatasetInput) -> dict[str, str]:
    marks = {tag.key: tag.value for tag in logged.tags}
    return {
        "name": logged.dataset.name,
        "digest": logged.dataset.digest,
        "context": marks.pop(CONTEXT, ""),
        **marks,
    }


def _numbers(run: Run) -> dict[str, float | None]:
    return {
        name: value if math.isfinite(value) else None for name, value in run.data.metrics.items()
    }
