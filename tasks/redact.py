"""Runs in MLflow without what is to be erased: their files and what they say of the request.

With ``track``, ``registry``, ``phases`` and ``revoke``, the only file that imports mlflow.
"""

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from tasks.registry import REQUESTS
from tasks.track import tracking

REQUEST, ASKED = "lethe.request", "lethe.requests"
ERASED = "erased"
PAGE = 500

Redacted = Callable[[str, bytes], bytes]
"""Of a file's name and content: the new content, empty where the file must go."""


def forgotten(models: Collection[str], request: str) -> set[str]:
    """The documents that the events of ``models`` took for ``request``, by id."""
    found = set[str]()
    with tracking() as client:
        for run in _runs(client):
            if request in run.data.tags.get(ASKED, "").split(","):
                told = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/{REQUESTS}")
                for one in told["requests"]:
                    if one["id"] == request:
                        found |= {*one["matched"], *one["added"]}
    return found


def files() -> Iterator[tuple[str, bytes]]:
    """The files of every run, and what MLflow keeps of it beside them."""
    with tracking() as client:
        for run in _runs(client):
            told = {**run.data.tags, **run.data.params}
            yield f"mlflow run {run.info.run_id}", json.dumps(told, ensure_ascii=False).encode()
            yield from _files(client, run)


def redact(request: str, redacted: Redacted) -> int:
    """Write anew or remove the files that ``redacted`` changes; how many those are.

    The digest of what ``request`` selected goes too: who knows a name could try whether it fits.
    """
    changed = 0
    with tracking() as client:
        for run in _runs(client):
            for path, content in _files(client, run):
                if (new := redacted(path, content)) != content:
                    _replace(client, run, path.partition("/")[2], new)
                    changed += 1
            if request in run.data.tags.get(ASKED, "").split(","):
                _untell(client, run)
    return changed


def _runs(client: MlflowClient) -> Iterator[Run]:
    """Every run, deleted ones too: they lie where they lay."""
    experiments = [one.experiment_id for one in client.search_experiments(ViewType.ALL)]
    token = None
    while experiments:
        page = client.search_runs(
            experiments, run_view_type=ViewType.ALL, max_results=PAGE, page_token=token
        )
        yield from page
        if not (token := page.token):
            return


def _files(client: MlflowClient, run: Run, folder: str = "") -> Iterator[tuple[str, bytes]]:
    with TemporaryDirectory() as scratch:
        for found in client.list_artifacts(run.info.run_id, folder or None):
            if found.is_dir:
                yield from _files(client, run, found.path)
            else:
                path = mlflow.artifacts.download_artifacts(
                    run_id=run.info.run_id, artifact_path=found.path, dst_path=scratch
                )
                yield f"{run.info.run_id}/{found.path}", Path(path).read_bytes()


def _replace(client: MlflowClient, run: Run, path: str, content: bytes) -> None:
    if not content:
        get_artifact_repository(run.info.artifact_uri).delete_artifacts(path)
        return
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / Path(path).name
        file.write_bytes(content)
        folder = Path(path).parent.as_posix()
        client.log_artifact(run.info.run_id, str(file), None if folder == "." else folder)


def _untell(client: MlflowClient, run: Run) -> None:
    if run.info.lifecycle_stage == "active" and REQUEST in run.data.tags:
        client.set_tag(run.info.run_id, REQUEST, ERASED)
    for version in client.search_model_versions(f"run_id = '{run.info.run_id}'"):
        if REQUEST in version.tags:
            client.set_model_version_tag(version.name, version.version, REQUEST, ERASED)
