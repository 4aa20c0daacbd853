"""Step: how far planted documents were memorised and how hard they are, beside their forgetting."""

from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from pydantic import Field

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.planting import folds
from tasks.metrics.memorisation import correlation, memorisation
from tasks.metrics.statistics import Sampling, mean_interval
from tasks.pages.memorisation import Group, drawing, table

SAMPLING = Sampling(resamples=1000, confidence=0.95, seed=0)


class Memory(Section):
    """One seed: what was planted, and what each model says of it (records of ``expose``)."""

    planted: Record
    target: Record
    retrained: Record
    without: tuple[Record, ...] = Field(min_length=2)
    """Of models taught all but one fold, in the order of the folds."""
    unlearned: tuple[Record, ...]
    """One a kind, of its own documents."""


class All(Section):
    """Of every seed."""

    seeds: tuple[Memory, ...]


@task
def memorise(seeds: list[Memory]) -> Record:
    """A row a document: memorisation, difficulty and forgetting, all in nats per token."""
    config = All(seeds=tuple(seeds))

    def make(path: Path) -> None:
        rows = pd.concat([_documents(one, seed) for seed, one in enumerate(seeds)])
        groups = [
            _group(kind, times, part)
            for (kind, times), part in [
                *rows.groupby(["kind", "times"], sort=False),
                *(((kind, "all"), part) for kind, part in rows.groupby("kind", sort=False)),
            ]
        ]
        rows.to_json(path / "documents.json", orient="records", indent=1)
        pd.DataFrame(groups).to_json(path / "groups.json", orient="records", indent=1)
        (path / "memorisation.md").write_text(table(groups))
        drawing(rows.to_dict("records")).savefig(path / "memorisation.png", dpi=150)

    inputs = tuple(
        record
        for one in seeds
        for record in (one.planted, one.target, one.retrained, *one.without, *one.unlearned)
    )
    identity = Identity(
        kind="memorisation", config=config, inputs=inputs,
        rooms=("memorise", "metrics", "pages", "data/planting"),
    )  # fmt: skip
    return keep(identity, make)


def _documents(memory: Memory, seed: int) -> pd.DataFrame:
    columns = ["doc_id", "kind", "times", "cluster"]
    rows = pd.read_parquet(memory.planted.path / "forget.parquet", columns=columns)
    before, never = _losses(memory.target), _losses(memory.retrained)
    after = pd.concat([_losses(record) for record in memory.unlearned])
    without = [_losses(record)[rows["doc_id"]].to_numpy() for record in memory.without]
    fold = np.array(folds(list(rows["cluster"]), len(without)))
    ids = rows["doc_id"]
    return rows.drop(columns="cluster").assign(
        seed=seed,
        memorisation=memorisation(np.array(without), fold),
        difficulty=never[ids].to_numpy(),
        forgetting=after.reindex(ids).to_numpy() - before[ids].to_numpy(),
    )


def _losses(record: Record) -> "pd.Series[float]":
    rows = pd.read_json(record.path / "losses.json", precise_float=True)
    return rows.set_index("doc_id")["loss"]


def _group(kind: str, times: int | str, rows: pd.DataFrame) -> Group:
    known = rows.dropna()
    memorised, hard, forgotten = (
        known[name].to_numpy() for name in ("memorisation", "difficulty", "forgetting")
    )
    return Group(
        kind=kind,
        times=times,
        documents=len(known),
        memorisation=(float(memorised.mean()), *mean_interval(memorised, SAMPLING)),
        forgetting=(float(forgotten.mean()), *mean_interval(forgotten, SAMPLING)),
        with_memorisation=correlation(memorised, forgotten, SAMPLING.resamples, SAMPLING.seed),
        with_difficulty=correlation(hard, forgotten, SAMPLING.resamples, SAMPLING.seed),
    )
