"""Documents in and out of distribution, planted and forgotten again, over several seeds.

arXiv:2411.04388 on our own runs. A seed is one target, taught everything, and one model taught the
same without the planted documents; every kind is then unlearned from that target, alone.
"""

from typing import Annotated, Any, Self

from prefect import flow
from pydantic import AfterValidator, Field, model_validator

from flows.benchmark import Seed, distinct
from flows.config import RunConfig
from tasks.contrast import Cell, ContrastConfig, Outcome, contrast, verdicts
from tasks.core.errors import DivergedError
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.curate import curate
from tasks.data.planting import KINDS, PlantingConfig
from tasks.expose import ExposeConfig, expose
from tasks.plant import Lesson, only, plant, teach
from tasks.prepare import prepare
from tasks.train import train
from tasks.training.method import PRESETS, Preset
from tasks.training.model import ModelConfig
from tasks.training.probes import Probes
from tasks.unlearn import UnlearnConfig, unlearn


class DistributionConfig(Section):
    """What is planted, forgotten and compared; everything else is as in ``run``.

    The request names the natural text that planted documents are cut from.
    """

    run: RunConfig = RunConfig()
    planting: PlantingConfig = PlantingConfig()
    methods: Annotated[tuple[Preset, ...], AfterValidator(distinct)] = Field(
        default=("ascent_descent",), min_length=1
    )
    seeds: Annotated[tuple[Seed, ...], AfterValidator(distinct)] = Field(
        default=(0, 1, 2),
        min_length=1,
        description="of initial weights, of every order of documents, and of what is planted",
    )
    candidates: int = Field(
        default=1000, ge=2, le=10**6, description="among which a canary is ranked"
    )
    contrast: ContrastConfig = ContrastConfig()

    @model_validator(mode="after")
    def _can_be_planted(self) -> Self:
        if self.run.model.path:
            raise ValueError("documents are planted in training: leave run.model.path empty")
        if self.run.model.epochs % 1:
            raise ValueError("a document is read a whole number of times: model.epochs must be one")
        if self.run.unlearn.stop.name != "all_steps":
            raise ValueError("runs are compared over all steps: leave unlearn.stop at all_steps")
        return self

    def model(self, seed: int) -> ModelConfig:
        """The run's model from that seed, read once: the lesson repeats what is to be repeated."""
        model = self.run.model
        scratch = model.scratch.model_copy(update={"seed": seed})
        optimiser = model.optimiser.model_copy(update={"seed": seed})
        return model.model_copy(update={"scratch": scratch, "optimiser": optimiser, "epochs": 1.0})

    def unlearning(self, method: Preset, seed: int) -> UnlearnConfig:
        """The run's unlearning with that method, probed document by document."""
        base = self.run.unlearn
        probes = Probes(
            splits=("retain", "general", "test"),
            tokens=base.probes.tokens,
            every=base.probes.every,
            documents=True,
        )
        varied = base.varied(PRESETS[method], base.optimiser.learning_rate, seed)
        return varied.model_copy(update={"probes": probes})


@flow
def distribution(config: DistributionConfig) -> Record:
    """Forget what is in and what is out of distribution, and judge what the paper claims of it.

    Args:
        config: The run whose data and models are used, and what is planted and compared.
    """
    run = config.run
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    return contrast(
        [cell for seed in config.seeds for cell in _cells(data, seed, config)], config.contrast
    )


def _cells(data: Record, seed: int, config: DistributionConfig) -> list[Cell]:
    planting = config.planting.model_copy(update={"seed": seed})
    reading = ExposeConfig(digits=planting.digits, candidates=config.candidates, seed=seed)
    planted = plant(data, planting)
    taught = teach(planted, Lesson(epochs=round(config.run.model.epochs)))
    target = train(taught, config.model(seed), "target")
    retrained = train(taught, config.model(seed), "retrained")
    before, never = (expose(model, planted, reading) for model in (target, retrained))
    return [
        Cell(
            method=method,
            kind=kind,
            seed=seed,
            data=only(planted, kind),
            target=before,
            retrained=never,
            outcome=_outcome(target, only(planted, kind), config.unlearning(method, seed), reading),
        )
        for method in config.methods
        for kind in KINDS
    ]


def _outcome(
    target: Record, data: Record, unlearning: UnlearnConfig, reading: ExposeConfig
) -> Outcome | str:
    """What came of one unlearning, or the line that says why nothing did."""
    try:
        unlearned = unlearn(target, data, unlearning)
    except DivergedError as error:
        return str(error)
    return Outcome(unlearned=unlearned, losses=expose(unlearned, data, reading))


def summary(record: Record) -> dict[str, Any]:
    """The claims with their verdicts, and where table, figure and cells are."""
    return {
        "claims": verdicts(record),
        **{name: str(record.path / file) for name, file in FILES.items()},
        "fingerprint": record.fingerprint,
    }


FILES = {
    "table": "table.md",
    "canaries": "canaries.md",
    "findings": "claims.md",
    "figure": "figure.png",
    "cells": "cells.json",
}

STUDIES: dict[str, dict[str, Any]] = {"id_vs_ood": {}}
"""What ``lethe bench study=NAME`` varies, unless told otherwise."""
