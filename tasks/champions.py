"""Champions: MLflow and the requests follow what the ledger says.

``ledger.advance`` decides who is champion. What comes after it, aliases, tags and the moves of
requests, is many calls of which any may be the last: each can be made again, and a tag that holds
when the ledger was changed is set at the end. Without it, the change is made again before the next.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tasks import ledger
from tasks.core.errors import ConfigError
from tasks.core.lock import held
from tasks.core.settings import Settings
from tasks.phases import CHAMPION, PREVIOUS
from tasks.registry import find
from tasks.requests.deletion import Deletion
from tasks.track import tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

CAME_FROM, ANSWERS, REVOKED = "lethe.parent", "lethe.requests", "lethe.revoked"
UNVERIFIED = "lethe.unverified"
MADE_AGAIN = "it was interrupted, and is made again"


class Change(NamedTuple):
    """A champion that followed another, as the log has it."""

    model: str
    before: str
    """Empty: there was none."""
    after: str
    by: str
    at: str
    """ISO 8601, to the microsecond."""
    back: bool
    """Whether ``before`` came from ``after``, and not the other way round."""

    @property
    def marked(self) -> str:
        """The version that the tags are on."""
        return self.before if self.back else self.after

    @property
    def word(self) -> str:
        """What became of it."""
        return "rolled_back" if self.back else "promoted"


@contextmanager
def alone(model: str) -> Iterator[None]:
    """One at a time who changes the champion of ``model`` from this machine.

    Raises:
        BusyError: another is at it.
    """
    settings = Settings()
    with held(settings.root / "registry" / f".{model}.champion.lock", settings.wait_seconds):
        yield


def settle(model: str, why: str) -> Change:
    """Make aliases, tags and requests say what the ledger says last of ``model``.

    Raises:
        ConfigError: it never had a champion.
        RegistryError: the registry failed; the same again goes on.
    """
    with tracking() as client:
        while True:
            change = _last(client, model)
            _follow(client, change, why)
            if _last(client, model) == change:  # another machine may have gone on meanwhile
                return change


def interrupted(model: str) -> Change | None:
    """The last change of champion, if not all of it was done.

    Raises:
        RegistryError: the registry failed.
    """
    if not ledger.champion(model):
        return None
    with tracking() as client:
        change = _last(client, model)
        return None if _finished(client, change) else change


def repeated(model: str, by: str, why: str) -> bool:
    """Whether the last change is a rollback that the same person asked for in the same words.

    Its last answer may have been lost on the way, and twice would be one version too far.
    """
    with tracking() as client:
        change = _last(client, model)
        tags = find(client, change.marked).tags
        said = tuple(tags.get(f"lethe.{change.word}_{key}") for key in ("by", "why"))
        return change.back and said == (by, why)


def unverified(model: str) -> str:
    """How the champion in MLflow is not the ledger's, in one line; empty where it is.

    A version that was made champion past Lethe is tagged.

    Raises:
        RegistryError: the registry failed.
    """
    said = ledger.champion(model)
    with tracking() as client:
        shown = _at(client, model, CHAMPION)
        if shown == said:
            return ""
        if said and not _finished(client, change := _last(client, model)):
            return (
                f"{model}: {change.after} became champion at {change.at}, interrupted; run it again"
            )
        if shown and UNVERIFIED not in find(client, shown).tags:
            found = f"champion in MLflow and not in the ledger, found {datetime.now(UTC):%FT%TZ}"
            _tag(client, shown, UNVERIFIED, found)
        advice = f"; lethe promote {said} puts that back" if said else ""
        return (
            f"{model}: the champion in MLflow is {shown or 'none'}, which Lethe did not do; in the "
            f"ledger it is {said or 'none'}{advice}"
        )


def lineage(version: str) -> list[str]:
    """``version`` and those it came from, the last first; none for an empty one.

    Raises:
        RegistryError: one of them is gone.
    """
    with tracking() as client:
        return _lineage(client, version)


def tag(version: str, tags: Mapping[str, str]) -> None:
    """Set ``tags`` on ``version``, in their order.

    Raises:
        RegistryError: there is no such version.
    """
    with tracking() as client:
        for key, value in tags.items():
            _tag(client, version, key, value)


def answered(tags: Mapping[str, str]) -> list[str]:
    """The ids of the requests that a version with such tags answers."""
    return [id for id in tags.get(ANSWERS, "").split(",") if id]


def parted(version: str) -> tuple[str, str]:
    """Name and number of ``lethe-name/3``."""
    name, _, number = version.partition("/")
    return name, number


def _last(client: "MlflowClient", model: str) -> Change:
    entries = [
        entry
        for entry in ledger.entries()
        if (entry.kind, entry.subject) == ("champion.moved", model)
    ]
    if not entries:
        raise ConfigError(f"{model} has no champion yet: the first event that answers makes one")
    last = entries[-1]
    before, after = str(last.details["before"]), str(last.details["to"])
    back = bool(before) and find(client, before).tags.get(CAME_FROM) == after
    return Change(model, before, after, last.by, last.at.isoformat(), back)


def _follow(client: "MlflowClient", change: Change, why: str) -> None:
    version = find(client, change.after)
    client.set_registered_model_alias(change.model, CHAMPION, version.version)
    _set_previous(client, change.model, version.tags.get(CAME_FROM, ""))
    if UNVERIFIED in version.tags:
        client.delete_model_version_tag(change.model, version.version, UNVERIFIED)
    if _finished(client, change):
        return
    for id in answered(find(client, change.marked).tags):
        _move(client, ledger.find(id), change, why)
    for key, value in {"why": why, "by": change.by, "at": change.at}.items():
        _tag(client, change.marked, f"lethe.{change.word}_{key}", value)


def _finished(client: "MlflowClient", change: Change) -> bool:
    """Whether all of it was done; a first champion that was adopted was not promoted."""
    tags = find(client, change.marked).tags
    adopted = not change.before and "lethe.adopted" in tags
    return adopted or tags.get(f"lethe.{change.word}_at") == change.at


def _set_previous(client: "MlflowClient", model: str, parent: str) -> None:
    """What a rollback puts back; nothing where that was revoked."""
    if parent and REVOKED not in find(client, parent).tags:
        client.set_registered_model_alias(model, PREVIOUS, parted(parent)[1])
    elif _at(client, model, PREVIOUS):
        client.delete_registered_model_alias(model, PREVIOUS)


def _move(client: "MlflowClient", one: Deletion, change: Change, why: str) -> None:
    """Move a request along with the version that answers it."""
    if change.back and one.status in ("promoted", "certified"):
        ledger.move(one.id, "verified", change.by, why)
    elif not change.back and one.status == "verified" and _everywhere(client, one):
        ledger.move(one.id, "promoted", change.by, why)


def _everywhere(client: "MlflowClient", one: Deletion) -> bool:
    """Whether the champion of each model that a request concerns has forgotten what it asks."""
    versions = {answer.model: answer.version for answer in one.events}
    return all(
        versions.get(model) in _lineage(client, ledger.champion(model)) for model in one.models
    )


def _lineage(client: "MlflowClient", version: str) -> list[str]:
    found: list[str] = []
    while version and version not in found:
        found.append(version)
        version = find(client, version).tags.get(CAME_FROM, "")
    return found


def _at(client: "MlflowClient", model: str, alias: str) -> str:
    """The version the alias is at; empty where it is at none."""
    for known in client.search_registered_models(f"name = '{model}'"):
        number = known.aliases.get(alias, "")
        return f"{model}/{number}" if number else ""
    return ""


def _tag(client: "MlflowClient", version: str, key: str, value: str) -> None:
    client.set_model_version_tag(*parted(version), key, value)
