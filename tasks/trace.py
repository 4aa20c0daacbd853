"""Step: which version serves, and what it must have forgotten."""

from typing import Any

from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks import ledger
from tasks.champions import lineage, unverified
from tasks.metrics.regression import Finding
from tasks.phases import CHAMPION
from tasks.registry import VERDICT, aliased, intact, scored, tags
from tasks.requests.deletion import Status

FORGOTTEN: tuple[Status, ...] = ("promoted", "certified", "erased")
"""Requests that are answered by whatever serves."""


class Past(BaseModel):
    """An event whose documents the champion must not know."""

    model_config = ConfigDict(frozen=True)
    version: str
    """What came of it."""
    erased: bool
    """Whether the text of one of its requests is gone, and with it the event's splits."""
    config: dict[str, Any]
    """Of its run: how it was measured and attacked."""
    reasons: tuple[dict[str, Any], ...]
    """What its gate allowed, and what it found."""


class Traced(BaseModel):
    """The version that serves, what is wrong with it as it stands, and what it must not know."""

    model_config = ConfigDict(frozen=True)
    champion: str
    """Empty where none serves yet."""
    findings: tuple[Finding, ...] = ()
    pasts: tuple[Past, ...] = ()


@task(task_run_name="trace-{model}")
def trace(model: str) -> Traced:
    """What ``champion`` of ``model`` is, whether it is what the ledger says, and its past events.

    Past events are those that led to it, and those that answered a request which counts as done.
    """
    named, noted = aliased(model, CHAMPION), ledger.champion(model)
    serves = named or noted
    if not serves:
        return Traced(champion="")
    line = lineage(serves)
    answers = _answers(model)
    known = {version: tags(version) for version in dict.fromkeys([*line, *answers])}
    events = [version for version, told in known.items() if VERDICT in told]
    return Traced(
        champion=serves,
        findings=(
            *_unverified(model, serves),
            *_changed(serves),
            *(_strayed(version, serves) for version in answers if version not in line),
        ),
        pasts=tuple(_past(version, known[version].get("lethe.requests", "")) for version in events),
    )


def _unverified(model: str, version: str) -> list[Finding]:
    """Where the alias is not at the version that was promoted here: somebody moved it by hand."""
    said = unverified(model)
    return [Finding(kind="unverified", version=version, said=said)] if said else []


def _changed(version: str) -> list[Finding]:
    if intact(version):
        return []
    said = f"the files of {version} are not those that were registered: restore them, or roll back"
    return [Finding(kind="changed", version=version, said=said)]


def _strayed(version: str, champion: str) -> Finding:
    said = (
        f"{champion} was not made from {version}, which answered requests that count as done: "
        "roll back, or promote a version made from it"
    )
    return Finding(kind="not_descended", version=version, said=said)


def _answers(model: str) -> list[str]:
    """Versions that answered a request which counts as done."""
    done = [one for one in ledger.listed() if one.status in FORGOTTEN]
    return [said.version for one in done for said in one.events if said.model == model]


def _past(version: str, requests: str) -> Past:
    ids = [id for id in requests.split(",") if id]
    return Past(
        version=version,
        erased=any(ledger.find(id).status == "erased" for id in ids),
        config=scored(version, "config.json"),
        reasons=tuple(scored(version, "verdict.json")["reasons"]),
    )
