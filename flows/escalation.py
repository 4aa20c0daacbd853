"""What is tried next when an unlearned model fails the gate."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from prefect.events import emit_event
from pydantic import Field

from flows.config import RunConfig
from flows.outcome import Outcome
from flows.retraining import retraining
from flows.unlearning import unlearning
from tasks.core.errors import GateError
from tasks.core.events import GATE_FAILED
from tasks.core.variants import Variant
from tasks.training.method import Preset, preset


class Escalation(Variant, ABC):
    """One more try."""

    @abstractmethod
    def tried(self, run: RunConfig) -> Outcome:
        """What comes of it."""


class OtherPreset(Escalation):
    """Another method, all else as it was."""

    name: Literal["other_preset"] = "other_preset"
    preset: Preset = Field(default="ascent_kl", description="the method, by name")

    def tried(self, run: RunConfig) -> Outcome:
        return unlearning(_with(run, method=preset(self.preset)))


class MoreSteps(Escalation):
    """The same method for longer."""

    name: Literal["more_steps"] = "more_steps"
    factor: float = Field(default=2, gt=1, le=100, description="times as many steps")

    def tried(self, run: RunConfig) -> Outcome:
        return unlearning(_with(run, steps=round(self.factor * run.unlearn.steps)))


class Retrain(Escalation):
    """The model made again without what must be forgotten: dear, and sure."""

    name: Literal["retrain"] = "retrain"

    def tried(self, run: RunConfig) -> Outcome:
        return retraining(run)


AnyEscalation = Annotated[OtherPreset | MoreSteps | Retrain, Field(discriminator="name")]


def escalated(run: RunConfig, escalation: tuple[AnyEscalation, ...]) -> Outcome:
    """The first outcome that passes the gate, or the last of all.

    Each failure is the event ``lethe.gate.failed`` on the Prefect page.
    """
    outcome = unlearning(run)
    for further in escalation:
        if outcome.passed:
            return outcome
        _failed(run, outcome, f"next: {further.name}")
        outcome = further.tried(run)
    if not outcome.passed:
        _failed(run, outcome, "nothing is left to try")
    return outcome


def refuse_failed(run: RunConfig, outcome: Outcome) -> None:
    """End in failure, with the way to the evidence.

    Raises:
        GateError: the outcome does not pass.
    """
    if not outcome.passed:
        raise GateError(
            f"{run.registered}: nothing that was tried passes the gate; the last report is "
            f"{outcome.report.path / 'report.html'}. The requests wait for a new approval: change "
            "the run or its escalation, then approve them again"
        )


def _with(run: RunConfig, **changes: object) -> RunConfig:
    return run.model_copy(update={"unlearn": run.unlearn.model_copy(update=changes)})


def _failed(run: RunConfig, outcome: Outcome, after: str) -> None:
    event = outcome.event.verdict.fingerprint
    emit_event(
        GATE_FAILED,
        resource={
            "prefect.resource.id": f"lethe.event.{event}",
            "prefect.resource.name": run.registered,
        },
        payload={"event": event, "after": after, "requests": [one.id for one in run.requests]},
    )
