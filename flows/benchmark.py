"""Methods x requests x learning rates x seeds on the same baselines: tables and a plot."""

from collections.abc import Iterable
from typing import Annotated, Any, Self, TypeVar, get_args

from prefect import flow
from pydantic import AfterValidator, Field, model_validator

from flows.baselines import known_and_never_known
from flows.config import RunConfig
from tasks.attack import attack
from tasks.compare import compare
from tasks.core.errors import ConfigError, DivergedError, ModelError
from tasks.core.event import Role
from tasks.core.record import Record
from tasks.core.variants import Section, nearest
from tasks.curate import curate
from tasks.evaluate import evaluate
from tasks.prepare import prepare
from tasks.requests.request import Request
from tasks.tabulate import Cell, table, tabulate
from tasks.training.method import PRESETS, Paper, Preset
from tasks.training.model import pinned
from tasks.unlearn import UnlearnConfig, unlearn
from tasks.validate import knows, validate

Rate = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0)]
Several = TypeVar("Several", bound=tuple[object, ...])


def distinct(values: Several) -> Several:
    """``values``, if none is there twice: it would count twice in every share."""
    if len(set(values)) < len(values):
        raise ValueError("a value is there twice")
    return values


class BenchmarkConfig(Section):
    """What is varied; everything else is as in ``run``."""

    run: RunConfig = RunConfig()
    methods: Annotated[tuple[Preset, ...], AfterValidator(distinct)] = Field(
        default=get_args(Paper), min_length=1
    )
    learning_rates: Annotated[tuple[Rate, ...], AfterValidator(distinct)] = Field(
        default=(1e-4, 3e-4, 1e-3), min_length=1
    )
    seeds: Annotated[tuple[Seed, ...], AfterValidator(distinct)] = Field(
        default=(0,),
        min_length=1,
        description="of the order of the documents while unlearning; the baselines stay",
    )
    requests: dict[str, Request] = Field(
        default={}, description="by the name a row is to carry; none: the run's own request"
    )

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        self.variations(self.run)  # a method that cannot take the run's own unlearning is refused
        return self

    @property
    def runs(self) -> dict[str, RunConfig]:
        """A run for every request."""
        requests = self.requests or {"request": self.run.request}
        return {
            name: self.run.model_copy(update={"request": one}) for name, one in requests.items()
        }

    def variations(self, run: RunConfig) -> list[tuple[str, UnlearnConfig]]:
        """Every method, learning rate and seed, as changes of the run's own unlearning."""
        return [
            (name, run.unlearn.varied(PRESETS[name], rate, seed))
            for name in self.methods
            for rate in self.learning_rates
            for seed in self.seeds
        ]


STUDIES: dict[str, dict[str, Any]] = {
    "lr_robustness": {
        "learning_rates": [float(f"{10 ** (-5 + 2.5 * at / 6):.2g}") for at in range(7)],
        "seeds": [0, 1, 2],
    },
    "cost": {"methods": list(PRESETS), "learning_rates": [1e-4]},
}
"""What ``lethe bench study=NAME`` varies, unless told otherwise.

lr_robustness: the paper's methods over seven rates, log-spaced over 2.5 decades, and three seeds.
cost: every method once.
"""


def study(name: str, elsewhere: Iterable[str] = ()) -> dict[str, Any]:
    """The study of that name, as changes of BenchmarkConfig.

    Raises:
        ConfigError: there is none; the nearest is offered, of those ``elsewhere`` too.
    """
    if name not in STUDIES:
        known = (*STUDIES, *elsewhere)
        raise ConfigError(f"study={name}: no such study{nearest(name, known)}")
    return STUDIES[name]


@flow
def benchmark(config: BenchmarkConfig) -> Record:
    """Compare methods over requests and learning rates.

    Args:
        config: The run that is varied, and what is varied in it.
    """
    pinned(config.run.model)
    cells = [cell for name, run in config.runs.items() for cell in _cells(name, run, config)]
    return tabulate(cells)


def _cells(request: str, run: RunConfig, config: BenchmarkConfig) -> list[Cell]:
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    validate(data, run.expectations)
    models = known_and_never_known(data, run.model, run.champion)
    evidence = {role: evaluate(model, data, run.evaluate) for role, model in models.items()}
    knows(evidence["target"], run.expectations)
    return [
        Cell(
            request=request,
            method=method,
            learning_rate=unlearning.optimiser.learning_rate,
            seed=unlearning.optimiser.seed,
            verdict=_judged(unlearning, run, data, models, evidence),
        )
        for method, unlearning in config.variations(run)
    ]


def _judged(
    unlearning: UnlearnConfig,
    run: RunConfig,
    data: Record,
    models: dict[Role, Record],
    evidence: dict[Role, Record],
) -> Record | str:
    """The verdict on one variation, or the line that says why there is none."""
    try:
        unlearned = unlearn(models["target"], data, unlearning)
    except (DivergedError, ModelError) as error:  # ModelError: a given model has no earlier one
        return str(error)
    models = {**models, "unlearned": unlearned}
    evidence = {**evidence, "unlearned": evaluate(unlearned, data, run.evaluate)}
    attacks = {role: attack(seen, run.attack) for role, seen in evidence.items()}
    return compare(evidence, attacks, models, run.gate)


def summary(record: Record) -> dict[str, Any]:
    """The table as rows, and where table and plot are."""
    return {
        "cells": table(record),
        "table": str(record.path / "table.md"),
        "robustness": str(record.path / "robustness.md"),
        "cost": str(record.path / "cost.md"),
        "plot": str(record.path / "plot.png"),
        "figures": [str(record.path / name) for name in ("robustness.png", "cost.png")],
        "fingerprint": record.fingerprint,
    }
