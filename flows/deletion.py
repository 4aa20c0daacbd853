"""Deletion requests answered: planned, approved, unlearned, judged, registered as a candidate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from prefect import flow
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.config import RunConfig, assigned, configured
from flows.config import described as run_described
from flows.decisions import decided
from flows.escalation import AnyEscalation, Retrain, escalated, refuse_failed
from flows.outcome import Outcome
from flows.planning import continued
from tasks import ledger
from tasks.answer import alone, answer, approved, claimed, decide, gather, give_up, make_champion
from tasks.core.record import Record
from tasks.core.settings import PROJECT
from tasks.core.variants import Section
from tasks.curate import curate
from tasks.file import Asked, file
from tasks.plan import plan, present
from tasks.prepare import prepare
from tasks.register import adopt
from tasks.requests.deletion import Status
from tasks.requests.plan import Portion
from tasks.requests.request import Request
from tasks.train import train
from tasks.training.method import Preset, preset
from tasks.training.model import pinned
from tasks.validate import validate


class DeletionConfig(Section):
    """Which requests are answered, by which run, and who decides."""

    asked: Asked = Field(default=Asked(), description="a new request; empty: none")
    which: Literal["named", "pending"] = Field(
        default="named", description="requests named here, or all that wait for the model"
    )
    requests: tuple[str, ...] = Field(
        default=(), description="ids of requests in the ledger, such as r-0123456789ab"
    )
    preset: Literal[Preset, "as_configured"] = Field(
        default="as_configured", description="the method; as_configured: what the parameters say"
    )
    approval: Literal["given", "wait"] = Field(
        default="given",
        description="given: only what is approved in the ledger goes on; wait: a person is asked "
        "on the page",
    )
    wait_hours: float = Field(
        default=72, gt=0, le=24 * 90, description="how long the person may take, then it fails"
    )
    escalation: tuple[AnyEscalation, ...] = Field(
        default=(Retrain(),), max_length=10, description="what is tried when the gate fails"
    )
    params: str = Field(
        default="params.yaml", description="file of the run's parameters, from the project's folder"
    )
    changes: tuple[str, ...] = Field(
        default=(), description="changes to it, key=value, such as unlearn.steps=60"
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        named = bool(self.requests or self.asked.given)
        if named != (self.which == "named"):
            raise ValueError(
                "which=named takes the ids in requests or what is asked, one of them at least; "
                "which=pending takes neither"
            )
        return self

    @property
    def title(self) -> str:
        """What the run is called on the page."""
        return ", ".join(self.requests) or ("a new request" if self.asked.given else "all pending")

    @property
    def run(self) -> RunConfig:
        """The run, as its file and the changes describe it.

        Raises:
            ConfigError: the file or a change breaks a rule.
        """
        config = configured(
            RunConfig, run_described([f"params={PROJECT / Path(self.params)}", *self.changes])
        )
        pinned(config.model)
        if self.preset == "as_configured":
            return config
        method = preset(self.preset)
        return config.model_copy(
            update={"unlearn": config.unlearn.model_copy(update={"method": method})}
        )


class Answered(BaseModel):
    """What became of the requests that were taken up."""

    model_config = ConfigDict(frozen=True)
    model: str
    waiting: tuple[str, ...]
    """Requests that were looked at and not approved."""
    answered: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    """Of the event; none where no request was approved."""


@flow(flow_run_name="{config.title}")
def deletion(config: DeletionConfig) -> Answered:
    """From deletion requests to a candidate version, with evidence at every step.

    Args:
        config: Which requests are answered, by which run, and who decides.

    Raises:
        GateError: nothing that was tried passes the gate; the requests need a new approval.
    """
    run = config.run
    with alone():
        ids = gather(run.registered, [*config.requests, *file(config.asked, run.registered)])
        corpus = curate(run.source, run.curation)
        run = continued(run)
        portions = plan(ids, corpus, run.splits)
        _decided(config, run.registered, portions)
        chosen = approved(portions)
        with claimed(chosen, str(flow_run.id)):
            outcomes = [_answered(run, corpus, chosen, config)] if chosen else []
    return Answered(
        model=run.registered,
        waiting=tuple(id for id in ids if id not in {one.id for one in chosen}),
        answered=tuple(one.id for one in chosen),
        outcomes=tuple(outcomes),
    )


def _decided(config: DeletionConfig, model: str, portions: list[Portion]) -> None:
    """Put the plans before a person, and take the answer where the run waits for one."""
    shown = present(model, portions)
    undecided = [one.id for one in portions if ledger.find(one.id).status == "planned"]
    if config.approval == "wait" and undecided:
        said = decided(shown, config.wait_hours, "requests")
        to: Status = "approved" if said.decision == "approve" else "rejected"
        decide(undecided, to, said.by, said.why)


def _answered(
    run: RunConfig, corpus: Record, chosen: list[Portion], config: DeletionConfig
) -> Outcome:
    """One event for all that was chosen: the first try that passes the gate."""
    doc_ids = sorted(frozenset[str]().union(*(one.forget for one in chosen)))
    run = run.model_copy(
        update={"request": Request(doc_ids=tuple(doc_ids)), "requests": tuple(chosen)}
    )
    if not run.champion:
        _adopt(run, corpus)
        run = continued(run)
    outcome = escalated(run, config.escalation)
    ids, event = [one.id for one in chosen], outcome.event.verdict.fingerprint
    if not outcome.passed:
        give_up(ids, event)
    refuse_failed(run, outcome)
    answer(ids, run.registered, event, outcome.registration.model_version)
    return outcome


def _adopt(run: RunConfig, corpus: Record) -> None:
    """Register the model as it was before anything was forgotten, as the first champion."""
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    validate(data, run.expectations)
    version = adopt(run.name, data, train(data, run.model, "target"))
    make_champion(run.registered, version)


def described(words: Sequence[str]) -> DeletionConfig:
    """What a command line says: ids, ``delete.key=value``, ``params=FILE`` and changes to the run.

    Raises:
        ConfigError: a key does not exist or a value breaks its rule.
    """
    ids = [word for word in words if "=" not in word]
    ours = [word.removeprefix("delete.") for word in words if word.startswith("delete.")]
    rest = [word for word in words if "=" in word and not word.startswith("delete.")]
    files = [word.removeprefix("params=") for word in rest[:1] if word.startswith("params=")]
    start = {
        "which": "named" if ids else "pending",
        "requests": ids,
        "changes": rest[len(files) :],
        **({"params": str(Path(files[0]).absolute())} if files else {}),
    }
    return configured(DeletionConfig, assigned(start, ours, "delete"), "delete")


def summary(answered: Answered) -> dict[str, Any]:
    """What became of the requests, as one JSON object."""
    return {
        "model": answered.model,
        "waiting": list(answered.waiting),
        "answered": list(answered.answered),
        "versions": [one.registration.model_version for one in answered.outcomes],
        "reports": [str(one.report.path / "report.html") for one in answered.outcomes],
    }
