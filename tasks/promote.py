"""Step: a candidate becomes champion, or is rejected; the champion before it is put back.

Everything is looked at again each time it is asked for: days lie between a proposal and the answer
to it, in which files, requests and the champion may have changed.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.context import TaskRunContext
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL
from pydantic import BaseModel, ConfigDict

from tasks import champions, ledger, registry
from tasks.champions import CAME_FROM, REVOKED, Change, answered, parted
from tasks.core.errors import BusyError, ConfigError, RegistryError
from tasks.core.settings import Settings
from tasks.requests.deletion import Deletion
from tasks.requests.plan import escaped

Outcome = Literal["promoted", "rejected", "rolled_back"]
log = logging.getLogger(__name__)


class Proposal(BaseModel):
    """A version that may become champion, and what a person is to know of it."""

    model_config = ConfigDict(frozen=True)
    model: str
    version: str
    champion: str
    """What it would replace."""
    requests: tuple[str, ...]
    """Those it answers."""
    shown: str
    """All of it as markdown."""


class Ruling(BaseModel):
    """What was decided about a version, and done."""

    model_config = ConfigDict(frozen=True)
    model: str
    outcome: Outcome
    version: str
    """The version that was decided about."""
    champion: str
    """Who is champion now."""
    by: str
    why: str
    requests: dict[str, str]
    """Where those that the version answers stand now, by their id."""

    @property
    def line(self) -> str:
        """What was decided, in one line."""
        done = self.outcome.replace("_", " ")
        return (
            f"{self.version} was {done} by {self.by}; champion of {self.model} is "
            f"{self.champion or 'none'}"
        )


@task(persist_result=True, result_serializer="json")
def propose(version: str) -> Proposal:
    """See whether ``version`` may become champion, and say what it is.

    Its result is kept: a run that was suspended goes on with the version that it asked about.

    Raises:
        BusyError: it does not come from the version that is champion now.
        ConfigError: its gate failed, it is revoked, or a request that it answers is not verified.
        RegistryError: there is no such version, or its files are not those that were registered.
    """
    tags = registry.tags(version)
    name = tags["lethe.version"]
    model, _ = parted(name)
    champion = ledger.champion(model)
    if champion != name:
        _refuse(name, tags, champion)
    _refuse_changed(name)
    return Proposal(
        model=model,
        version=name,
        champion=champion,
        requests=tuple(answered(tags)),
        shown=_shown(name, tags, champion),
    )


@task
def carry_out(version: str, decision: Literal["approve", "reject"], by: str, why: str) -> Ruling:
    """Promote ``version``, or reject it; run again, what was interrupted is finished.

    Raises:
        BusyError: another version has become champion meanwhile.
        ConfigError: ``by`` may not decide, or the version may not be promoted or rejected.
        RegistryError: the registry failed, or the files are not those that were registered.
    """
    ledger.authorise(by)
    name = registry.tags(version)["lethe.version"]
    model, _ = parted(name)
    with champions.alone(model):
        champions.unverified(model)  # marks what was moved by hand, before it is moved away
        approved = decision == "approve"
        _finish(model, lambda change: approved and change.marked == name, why)
        ruling = _promoted(name, by, why) if approved else _rejected(name, by, why)
    _tell(ruling)
    return ruling


@task
def roll_back(model: str, by: str, why: str) -> Ruling:
    """Make the version that the champion came from champion again.

    The same words again are the same rollback, which is finished; other words go back further.

    Raises:
        BusyError: another version has become champion meanwhile.
        ConfigError: ``by`` may not decide, there is nothing to go back to, or it may not come back.
        RegistryError: the registry failed, the files are not those that were registered, or the
            champion in MLflow is not the ledger's.
    """
    ledger.authorise(by)
    if not ledger.champion(model):
        raise ConfigError(f"{escaped(model)[:80]!a} has no champion: name a model, as lethe-demo")
    with champions.alone(model):
        again = _finish(model, lambda change: change.back, why)
        if not (again or champions.repeated(model, by, why)):
            if said := champions.unverified(model):
                raise RegistryError(said)
            champion = ledger.champion(model)
            ledger.advance(model, champion, _before(champion), by)
        change = champions.settle(model, why)
        ruling = _ruling(change.before, "rolled_back", change.by, why)
    _tell(ruling)
    return ruling


def _finish(model: str, same: Callable[[Change], bool], why: str) -> bool:
    """Settle a change that was interrupted; whether it is the ``same`` as is asked for now."""
    change = champions.interrupted(model)
    if change is None:
        return False
    champions.settle(model, why if same(change) else champions.MADE_AGAIN)
    return same(change)


def _promoted(name: str, by: str, why: str) -> Ruling:
    proposal = propose.fn(name)
    if proposal.champion != name:
        ledger.advance(proposal.model, proposal.champion, name, by)
    change = champions.settle(proposal.model, why)
    return _ruling(name, "promoted", change.by, why)


def _rejected(name: str, by: str, why: str) -> Ruling:
    """The requests it answers wait for another answer, and for a new approval."""
    model, _ = parted(name)
    tags, champion = registry.tags(name), ledger.champion(model)
    if name in champions.lineage(champion):
        raise ConfigError(f"{name} is champion, or the champion came from it: roll that back first")
    for one in map(ledger.find, answered(tags)):
        if _answers(one, name):
            if one.status in ("verified", "approved"):
                ledger.move(one.id, "planned", by, why)
            ledger.retract(one.id, model, by)
    ledger.log("version.rejected", name, by, {"champion": champion})
    said = {"why": why, "by": by, "at": datetime.now(UTC).isoformat()}
    champions.tag(name, {f"lethe.rejected_{key}": value for key, value in said.items()})
    return _ruling(name, "rejected", by, why)


def _refuse(name: str, tags: Mapping[str, str], champion: str) -> None:
    if REVOKED in tags:
        raise ConfigError(f"{name} is revoked: it knows what was erased since; promote a later one")
    if tags.get("lethe.verdict") != "pass":
        raise ConfigError(
            f"{name} has not passed the gate (lethe.verdict is {tags.get('lethe.verdict', 'none')})"
            "; only what has can be promoted"
        )
    if (parent := tags.get(CAME_FROM, "")) != champion:
        raise BusyError(
            f"{name} was made from {parent or 'no champion'}, and champion is now "
            f"{champion or 'none'}: reject it, and have its requests run again from that"
        )
    for id in answered(tags):
        _refuse_unverified(ledger.find(id), name)


def _refuse_unverified(one: Deletion, name: str) -> None:
    """A request is verified once each model has an answer; before that, this one will do."""
    if not _answers(one, name):
        raise ConfigError(f"{name} answers {one.id} no more; promote the version that does")
    missing = set(one.models) - {answer.model for answer in one.events}
    if one.status != "verified" and (not missing or one.status == "rejected"):
        raise ConfigError(
            f"{one.id} is {one.status}, not verified: see lethe request show {one.id}"
        )


def _refuse_changed(name: str) -> None:
    folder = Settings().root / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".promote-") as scratch:
        registry.fetch_model(name, Path(scratch))


def _before(champion: str) -> str:
    """What may be put back in the place of ``champion``."""
    tags = registry.tags(champion)
    parent = tags.get(CAME_FROM, "")
    if not parent:
        raise ConfigError(f"{champion} came from no champion: there is nothing to go back to")
    if REVOKED in registry.tags(parent):
        raise ConfigError(f"{parent} is revoked: it knows what was erased since")
    if erased := [id for id in answered(tags) if ledger.find(id).status == "erased"]:
        raise ConfigError(
            f"{parent} knows what {', '.join(erased)} had erased: it cannot come back"
        )
    _refuse_changed(parent)
    return parent


def _answers(one: Deletion, name: str) -> bool:
    return name in {answer.version for answer in one.events}


def _shown(name: str, tags: Mapping[str, str], champion: str) -> str:
    if name == champion:
        return f"**{name}** is champion already; to approve makes MLflow say so again."
    requests = [ledger.find(id) for id in answered(tags)]
    reasons = [
        escape(escaped(one["message"])) for one in registry.scored(name, "verdict.json")["reasons"]
    ]
    rows = [f"| {one.id} | {one.ground} | {one.due:%Y-%m-%d} | {one.status} |" for one in requests]
    head = ["", "| request | ground | due | stands |", "| --- | --- | --- | --- |"]
    return "\n".join(
        [
            f"**{name}** would be champion after {champion or 'none'}. It passed the gate, judged "
            f"by the {tags.get('lethe.comparator', 'unknown')} comparison:",
            "",
            *(f"- {reason}" for reason in reasons),
            *(head + rows if rows else ["", "It answers no request."]),
            "",
            f"`lethe report {name}` fetches its report, `lethe show {name}` its lineage.",
        ]
    )


def _ruling(name: str, outcome: Outcome, by: str, why: str) -> Ruling:
    model, _ = parted(name)
    return Ruling(
        model=model,
        outcome=outcome,
        version=name,
        champion=ledger.champion(model),
        by=by,
        why=why,
        requests={id: ledger.find(id).status for id in answered(registry.tags(name))},
    )


def _tell(ruling: Ruling) -> None:
    """An event where a Prefect server listens, and a page in a flow run."""
    log.info("%s %s, champion is %s", ruling.version, ruling.outcome, ruling.champion)
    if TaskRunContext.get() or PREFECT_API_URL.value():
        emit_event(
            f"lethe.{ruling.outcome}",
            resource={
                "prefect.resource.id": f"lethe.model.{ruling.model}",
                "prefect.resource.name": ruling.model,
                "lethe.version": ruling.version,
            },
            payload=ruling.model_dump(mode="json"),
        )
    if TaskRunContext.get():
        stands = [f"- {id} is {status}" for id, status in ruling.requests.items()]
        create_markdown_artifact(
            key=f"{ruling.model}-champion",
            markdown="\n".join([ruling.line, "", *stands]),
            description=f"what was decided about {ruling.version}",
        )
