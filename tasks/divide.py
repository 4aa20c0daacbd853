"""Step: one half of the text that judges, as splits of their own.

Only what no model has seen is divided, approximate and test, and by cluster: the halves share no
document and no near-duplicate. Forget is what must be forgotten, retain and general are what models
are trained on: they are whole in both.
"""

import shutil
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from prefect import task
from pydantic import Field

from tasks.core.errors import ConfigError
from tasks.core.event import SPLITS, Split
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.halves import half
from tasks.data.splits import LEFT_OUT

Half = Literal["tuning", "judgement"]
DIVIDED: tuple[Split, ...] = ("approximate", "test")


class Division(Section):
    """Which half, of which division."""

    half: Half
    seed: int = Field(default=0, ge=0, description="chooses among divisions that would do alike")


@task
def divide(data: Record, division: Division) -> Record:
    """The splits of ``data`` with one half of what no model has seen; the rest is as it was.

    Raises:
        ConfigError: a split is one cluster, which cannot be divided.
    """
    identity = Identity(
        kind="splits", config=division, inputs=(data,), rooms=("divide", "data/halves")
    )
    return keep(identity, lambda scratch: _divide(data.path, division, scratch))


def _divide(data: Path, division: Division, out: Path) -> None:
    assignment = pd.read_parquet(data / "assignment.parquet")
    other = _other(assignment, division)
    for split in SPLITS:
        whole = pq.read_table(data / f"{split}.parquet")
        gone = pa.compute.is_in(whole["doc_id"], pa.array(assignment["doc_id"][other], pa.string()))
        ours = whole.filter(pa.compute.invert(gone))
        pq.write_table(ours, out / f"{split}.parquet", compression="zstd")
    assignment.loc[other, "reason"] = f"not in the {division.half} half"
    assignment.loc[other, "split"] = LEFT_OUT
    assignment.to_parquet(out / "assignment.parquet", index=False)
    for name in ("plan.json", "revision.json"):
        shutil.copyfile(data / name, out / name)


def _other(assignment: pd.DataFrame, division: Division) -> pd.Series:
    """Which rows are in the other half."""
    tuning: set[str] = set()
    for split in DIVIDED:
        rows = assignment[assignment["split"] == split]
        if rows["cluster"].nunique() < 2:
            raise ConfigError(
                f"splits.{split}_tokens: one cluster of documents cannot be divided between tuning "
                "and judgement: raise it, or add documents"
            )
        tuning |= set(half(rows, division.seed))
    ours = assignment["doc_id"].isin(tuning) == (division.half == "tuning")
    return assignment["split"].isin(DIVIDED) & ~ours
