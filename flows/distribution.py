"""Documents in and out of distribution, planted and forgotten again, over several seeds.

arXiv:2411.04388 on our own runs. A seed is one target, taught everything, and one model taught the
same without the planted documents; every kind is then unlearned from that target, alone.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self

from prefect import flow
from pydantic import AfterValidator, Field, model_validator

from flows.benchmark import Seed, distinct
from flows.config import RunConfig
from tasks.contrast import Cell, ContrastConfig, Outcome, contrast, verdicts
from tasks.core.errors import DivergedError
from tasks.core.event import Role
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.curate import curate
from tasks.data.planting import KINDS, PlantingConfig
from tasks.expose import ExposeConfig, expose
from tasks.memorise import Memory, memorise
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
    folds: int = Field(
        default=1,
        ge=1,
        le=16,
        description="of the planted documents, a model taught without each, which tells how far "
        "a document was memorised; 1: not asked",
    )
    contrast: ContrastConfig = ContrastConfig()

    @model_validator(mode="after")
    def _can_be_planted(self) -> Self:
        if self.run.model.path:
            raise ValueError("documents are planted in training: leave model.path empty")
        if self.run.model.epochs % 1:
            raise ValueError("a document is read a whole number of times: model.epochs must be one")
        if self.run.unlearn.stop.name != "all_steps":
            raise ValueError("runs are compared over all steps: leave unlearn.stop at all_steps")
        return self

    @property
    def epochs(self) -> int:
        """Readings of what is not planted."""
        return round(self.run.model.epochs)

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
def distribution(config: DistributionConfig) -> dict[str, Record]:
    """Forget what is in and what is out of distribution, and judge what the paper claims of it.

    Args:
        config: The run whose data and models are used, and what is planted and compared.
    """
    run = config.run
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    cells: list[Cell] = []
    memories: list[Memory] = []
    for seed in config.seeds:
        taught = _taught(data, seed, config)
        cells += (ours := _cells(taught, seed, config))
        if config.folds > 1:
            memories.append(_memory(taught, ours, seed, config))
    records = {"contrast": contrast(cells, config.contrast)}
    return {**records, "memorisation": memorise(memories)} if memories else records


class Taught(NamedTuple):
    """What every run of one seed starts from."""

    planted: Record
    target: Record
    before: Record
    """What the target says of the planted documents."""
    never: Record
    """What the retrained model says of them."""
    reading: ExposeConfig


def _taught(data: Record, seed: int, config: DistributionConfig) -> Taught:
    planting = config.planting.model_copy(update={"seed": seed})
    reading = ExposeConfig(digits=planting.digits, candidates=config.candidates, seed=seed)
    planted = plant(data, planting)
    whole = teach(planted, Lesson(epochs=config.epochs))
    target, retrained = (train(whole, config.model(seed), role) for role in ROLES)
    return Taught(
        planted,
        target,
        before=expose(target, planted, reading),
        never=expose(retrained, planted, reading),
        reading=reading,
    )


ROLES: tuple[Role, ...] = ("target", "retrained")


def _cells(taught: Taught, seed: int, config: DistributionConfig) -> list[Cell]:
    return [
        Cell(
            method=method,
            kind=kind,
            seed=seed,
            data=(data := only(taught.planted, kind)),
            target=taught.before,
            retrained=taught.never,
            outcome=_outcome(taught, data, config.unlearning(method, seed)),
        )
        for method in config.methods
        for kind in KINDS
    ]


def _outcome(taught: Taught, data: Record, unlearning: UnlearnConfig) -> Outcome | str:
    """What came of one unlearning, or the line that says why nothing did."""
    try:
        unlearned = unlearn(taught.target, data, unlearning)
    except DivergedError as error:
        return str(error)
    return Outcome(unlearned=unlearned, losses=expose(unlearned, data, taught.reading))


def _memory(taught: Taught, cells: list[Cell], seed: int, config: DistributionConfig) -> Memory:
    """What models say that were taught all but one fold each, beside the first method's runs."""
    lessons = [
        Lesson(epochs=config.epochs, folds=config.folds, without=fold)
        for fold in range(config.folds)
    ]
    models = [
        train(teach(taught.planted, lesson), config.model(seed), "target") for lesson in lessons
    ]
    return Memory(
        planted=taught.planted,
        target=taught.before,
        retrained=taught.never,
        without=tuple(expose(model, taught.planted, taught.reading) for model in models),
        unlearned=tuple(
            cell.outcome.losses
            for cell in cells
            if cell.method == config.methods[0] and isinstance(cell.outcome, Outcome)
        ),
    )


def summary(records: Mapping[str, Record]) -> dict[str, Any]:
    """The claims with their verdicts, and every file that was written."""
    return {
        "claims": verdicts(records["contrast"]),
        **{
            name: [str(record.path / file) for file in sorted(record.files)]
            for name, record in records.items()
        },
    }


STUDIES: dict[str, dict[str, Any]] = {
    "id_vs_ood": {},
    "memorisation": {"seeds": [0], "folds": 4},
}
"""What ``lethe bench study=NAME`` varies, unless told otherwise.

id_vs_ood: four kinds of documents, three numbers of readings, three seeds.
memorisation: one seed of it, and four models that leave a quarter of the documents out each.
"""
