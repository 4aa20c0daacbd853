"""Step: plant documents in the splits, and lay out what a model is to be taught of them."""

import shutil
from pathlib import Path

import pandas as pd
from prefect import task
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.event import SPLITS
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.planting import Kind, PlantingConfig, folds, planted

ROOMS = ("plant", "data/planting", "data/grammar")


class Lesson(Section):
    """What of the planted documents is read, and how often everything else."""

    epochs: int = Field(ge=1, le=1000, description="readings of what is not planted")
    folds: int = Field(default=1, ge=1, description="that the planted documents are dealt into")
    without: int = Field(default=-1, ge=-1, description="fold that is not read; -1: all are")


class Only(Section):
    """One kind of planted documents."""

    kind: Kind


@task
def plant(data: Record, config: PlantingConfig) -> Record:
    """The splits ``data`` with the planted documents as forget, each there once.

    What is planted of natural text is cut from the forget split, of which nothing else is read.

    Raises:
        DataError: there is too little text, or none of the register.
    """

    def make(scratch: Path) -> None:
        forget = pd.read_parquet(data.path / "forget.parquet")
        general = pd.read_parquet(data.path / "general.parquet")
        register = general[general["domain"] == config.register_domain]
        if len(register) == len(general) or not len(register):
            raise DataError(
                f"planting.register_domain={config.register_domain}: general text must hold it "
                f"and other domains; it holds {', '.join(sorted(set(general['domain'])))}"
            )
        _others(data, scratch)
        planted(forget, register, config).to_parquet(scratch / "forget.parquet")
        general.drop(register.index).to_parquet(scratch / "general.parquet", index=False)

    return keep(Identity(kind="planted", config=config, inputs=(data,), rooms=ROOMS), make)


@task
def teach(data: Record, lesson: Lesson) -> Record:
    """The planted splits ``data`` with every document as often as it is to be read.

    Trained on for one epoch, a planted document is read exactly ``times`` times in the whole
    training and every other one ``lesson.epochs`` times, in random order.
    """

    def make(scratch: Path) -> None:
        forget = pd.read_parquet(data.path / "forget.parquet")
        read = pd.Series(folds(list(forget["cluster"]), lesson.folds)) != lesson.without
        often = forget["times"].where(read, 0)
        _others(data, scratch)
        forget.loc[forget.index.repeat(often)].to_parquet(scratch / "forget.parquet", index=False)
        for split in ("retain", "general"):
            rows = pd.read_parquet(data.path / f"{split}.parquet")
            pd.concat([rows] * lesson.epochs).to_parquet(scratch / f"{split}.parquet", index=False)

    return keep(Identity(kind="taught", config=lesson, inputs=(data,), rooms=ROOMS), make)


@task
def only(data: Record, kind: Kind) -> Record:
    """The planted splits ``data`` with no other kind in forget: what one unlearning reads."""

    def make(scratch: Path) -> None:
        forget = pd.read_parquet(data.path / "forget.parquet")
        _others(data, scratch)
        chosen = forget[forget["kind"] == kind]
        chosen.to_parquet(scratch / "forget.parquet", index=False)

    config = Only(kind=kind)
    return keep(Identity(kind="planted", config=config, inputs=(data,), rooms=ROOMS), make)


def _others(data: Record, out: Path) -> None:
    """Everything that is not rewritten, as it is."""
    for split in SPLITS:
        shutil.copyfile(data.path / f"{split}.parquet", out / f"{split}.parquet")
