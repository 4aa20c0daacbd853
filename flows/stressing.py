"""Trials of an unlearned model: does it give back more than a model that never saw the text?"""

from typing import Any, Self, assert_never

from prefect import flow
from pydantic import Field, field_validator, model_validator

from flows.baselines import known_and_never_known
from flows.config import RunConfig
from tasks.confront import Tried, cells_of, confront
from tasks.core.event import Role
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.curate import curate
from tasks.evaluate import evaluate
from tasks.metrics.statistics import Sampling
from tasks.pages.stress import UNTOUCHED, said
from tasks.prepare import prepare
from tasks.prompt import PromptConfig, prompt
from tasks.quantise import quantise
from tasks.relearn import relearn
from tasks.training.model import pinned
from tasks.training.rounding import FORMATS
from tasks.training.trials import AnyTrial, Quantise, Relearn
from tasks.unlearn import unlearn
from tasks.validate import knows, validate

BOTH: tuple[Role, ...] = ("unlearned", "retrained")


class StressConfig(Section):
    """What is done to the models; everything else is as in ``run``."""

    run: RunConfig = RunConfig()
    trials: tuple[AnyTrial, ...] = Field(
        default=(
            Relearn(),
            Relearn(on="half"),
            *(Quantise(weights=weights) for weights in FORMATS),
        ),
        description="what is done to the unlearned and to the retrained model, one at a time",
    )
    prompt: PromptConfig = PromptConfig()

    @field_validator("trials")
    @classmethod
    def _told_apart(cls, trials: tuple[AnyTrial, ...]) -> tuple[AnyTrial, ...]:
        labels = [trial.label for trial in trials]
        if len({*labels}) < len(labels):
            raise ValueError(f"two rows would have one name: {', '.join(labels)}")
        return trials

    @model_validator(mode="after")
    def _has_something_to_hold_against(self) -> Self:
        if "retrained" not in self.run.model.roles:
            raise ValueError(
                "a model that was given has no retrained counterpart, and what comes back is only "
                "judged beside one: leave model.path out"
            )
        return self


@flow(flow_run_name="{config.run.name}")
def stressing(config: StressConfig) -> Record:
    """Try to bring back what was forgotten, from the unlearned and from the retrained model.

    Args:
        config: The event, and what is done to its models.
    """
    run = config.run
    pinned(run.model)
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    validate(data, run.expectations)
    models = known_and_never_known(data, run.model, run.champion)
    knows(evaluate(models["target"], data, run.evaluate), run.expectations)
    models["unlearned"] = unlearn(models["target"], data, run.unlearn)
    untouched = [
        _read(UNTOUCHED, role, model, data, config.run, config.prompt)
        for role, model in models.items()
    ]
    tried = [
        _read(
            trial.label, role, _after(trial, models[role], data), data,
            config.run, config.prompt.plainly(),
        )
        for trial in config.trials
        for role in BOTH
    ]  # fmt: skip
    sampling = Sampling(run.attack.resamples, run.attack.confidence, run.attack.seed)
    return confront([*untouched, *tried], sampling)


def _read(
    trial: str, role: Role, model: Record, data: Record, run: RunConfig, asked: PromptConfig
) -> Tried:
    return Tried(
        trial=trial,
        role=role,
        model=model,
        evidence=evaluate(model, data, run.evaluate),
        continuations=prompt(model, data, asked),
    )


def _after(trial: AnyTrial, model: Record, data: Record) -> Record:
    match trial:
        case Relearn():
            return relearn(model, data, trial)
        case Quantise():
            return quantise(model, trial)
        case _:
            assert_never(trial)


def summary(record: Record) -> dict[str, Any]:
    """A sentence a trial, the cells, and where table and plot are."""
    cells = cells_of(record)
    return {
        "found": said(cells),
        "cells": cells,
        "table": str(record.path / "table.md"),
        "plot": str(record.path / "plot.png"),
        "fingerprint": record.fingerprint,
    }


def as_text(result: dict[str, Any]) -> str:
    """The sentences, from ``summary``'s answer, and where the rest is."""
    return "\n".join(
        ["", *result["found"], "", f"Table: {result['table']}", f"Plot:  {result['plot']}"]
    )
