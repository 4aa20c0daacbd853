"""Model versions that know what was erased: revoked now, deleted when their grace has passed.

With ``track``, ``registry``, ``phases`` and ``redact``, the only file that imports mlflow.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from tasks.core.errors import ConfigError
from tasks.phases import CHAMPION, PREVIOUS
from tasks.registry import HISTORY, called, history
from tasks.track import tracking

REVOKED, DUE, DELETED = "lethe.revoked", "lethe.delete_after", "lethe.deleted"


class Kept(NamedTuple):
    """A revoked version that is there still."""

    version: str
    due: datetime
    aliases: tuple[str, ...]


def knowing(models: Collection[str], doc_ids: Collection[str]) -> list[str]:
    """Versions of ``models`` that saw one of the documents and have not forgotten it.

    Of what was not registered by Lethe, and has no history, nothing is known.
    """
    with tracking() as client:
        return [
            called(version)
            for name in models
            for version in _versions(client, name)
            if DELETED not in version.tags and _knows(client, version, doc_ids)
        ]


def others(models: Collection[str]) -> list[str]:
    """The registered models beside ``models``."""
    with tracking() as client:
        return [one.name for one in client.search_registered_models() if one.name not in models]


def refuse_champion(versions: Sequence[str], champions: Collection[str]) -> None:
    """Refuse to erase what the model in use still knows.

    Raises:
        ConfigError: one of ``versions`` is a champion.
    """
    with tracking() as client:
        for version in versions:
            aliases = _aliases(client, version)
            if version in champions or CHAMPION in aliases:
                raise ConfigError(
                    f"{version} is champion and still knows what is to be erased: promote the "
                    "version that has forgotten it first"
                )


def revoke(version: str, request: str, now: datetime, grace_days: float) -> None:
    """Take every alias but ``previous``, and say when the version goes; one day stays the first."""
    name, _, number = version.partition("/")
    with tracking() as client:
        tags = client.get_model_version(name, number).tags
        if REVOKED not in tags:
            due = now + timedelta(days=grace_days)
            client.set_model_version_tag(name, number, DUE, due.isoformat())
            reason = f"{now:%Y-%m-%d}: knows what {request} had erased"
            client.set_model_version_tag(name, number, REVOKED, reason)
        for alias in _aliases(client, version):
            if alias != PREVIOUS:
                client.delete_registered_model_alias(name, alias)


def revoked(models: Collection[str] = ()) -> list[Kept]:
    """The revoked versions that are not deleted yet; of all models where none is named."""
    with tracking() as client:
        names = models or [one.name for one in client.search_registered_models()]
        return [
            Kept(
                called(version),
                datetime.fromisoformat(version.tags[DUE]),
                tuple(_aliases(client, called(version))),
            )
            for name in names
            for version in _versions(client, name)
            if REVOKED in version.tags and DELETED not in version.tags
        ]


def delete(version: str, now: datetime) -> None:
    """Delete the files of a version and take its aliases; what it says of itself stays."""
    name, _, number = version.partition("/")
    with tracking() as client:
        for alias in _aliases(client, version):
            client.delete_registered_model_alias(name, alias)
        found = client.get_model_version(name, number)
        model_id = found.model_id or str(found.source).removeprefix("models:/")
        try:
            model = client.get_logged_model(model_id)
            get_artifact_repository(model.artifact_location).delete_artifacts()
            client.delete_logged_model(model_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # a killed sweep had come so far
                raise
        client.set_model_version_tag(name, number, DELETED, now.isoformat())


def _knows(client: MlflowClient, version: ModelVersion, doc_ids: Collection[str]) -> bool:
    there = client.list_artifacts(version.run_id) if version.run_id else []
    if not any(one.path == HISTORY for one in there):
        return False
    return not history(called(version)).known.isdisjoint(doc_ids)


def _versions(client: MlflowClient, name: str) -> Iterator[ModelVersion]:
    return iter(client.search_model_versions(f"name = '{name}'"))


def _aliases(client: MlflowClient, version: str) -> list[str]:
    name, _, number = version.partition("/")
    return list(client.get_model_version(name, number).aliases)
