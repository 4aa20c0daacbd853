"""Step: set forgetting in distribution beside forgetting out of it: tables, figure, claims."""

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from prefect import task
from pydantic import Field

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.planting import NATURAL, Kind
from tasks.metrics import claims
from tasks.metrics.claims import CLAIMS, CONFIDENCE, Groups
from tasks.metrics.forgetting import (
    THIRDS,
    Ints,
    Reached,
    Way,
    curves,
    drawn,
    found,
    interval,
    resampled,
    thirds,
)
from tasks.pages.contrast import Curve, canaries, drawing, findings, table

ALL = "all"
Times = int | str
"""A number of readings, or ALL."""


class Outcome(Section):
    """An unlearned model, and what it says of the documents it was to forget."""

    unlearned: Record
    losses: Record


class Cell(Section):
    """One kind of planted documents, unlearned with one method from one seed's target."""

    method: str
    kind: Kind
    seed: int
    data: Record
    target: Record
    """What the target says of all planted documents; ``retrained`` likewise."""
    retrained: Record
    outcome: Outcome | str
    """Or the line that says why there is none."""


class ContrastConfig(Section):
    """How runs are summed up."""

    exposure: float = Field(
        default=0.1, ge=0, description="stated: nats per token, mean over documents"
    )
    resamples: int = Field(default=1000, ge=200, le=100_000)
    seed: int = Field(default=0, ge=0, description="of the resamples")


class Study(Section):
    """All that is set side by side."""

    cells: tuple[Cell, ...]
    config: ContrastConfig


class Run(NamedTuple):
    """A cell, read."""

    documents: pd.DataFrame
    """times, third, tokens, and the bits of a canary before, after and where it was never seen."""
    way: Way
    tokens_per_step: int
    unseen: float
    """Exposure, before the first step, of text that no model saw: what two trainings differ by."""

    def chosen(self, times: Times, third: str) -> "pd.Series[bool]":
        """Which documents are read so often and of that difficulty."""
        of_times, of_third = self.documents["times"] == times, self.documents["third"] == third
        return (of_times | (times == ALL)) & (of_third | (third == ALL))

    def part(self, times: Times, third: str) -> Way:
        """The way of those documents."""
        chosen = self.chosen(times, third).to_numpy()
        return self.way._replace(exposure_DP=self.way.exposure_DP[chosen])


class Kinds(NamedTuple):
    """The runs of one method, by kind, a run a seed, and how they are resampled."""

    method: str
    runs: dict[Kind, list[Run]]
    times: list[int]
    config: ContrastConfig

    def ways(self, kind: Kind, times: Times, third: str) -> list[Way]:
        return [run.part(times, third) for run in self.runs[kind]]

    def draws(self, kind: Kind) -> Ints:
        return drawn(len(self.runs[kind]), self.config.resamples, self.config.seed)

    def resamples(self, kind: Kind, times: Times, third: str) -> Reached:
        ways, seed = self.ways(kind, times, third), _seed(self.config, kind, times, third)
        return resampled(ways, self.config.exposure, self.draws(kind), seed)


@task
def contrast(cells: list[Cell], config: ContrastConfig) -> Record:
    study = Study(cells=tuple(cells), config=config)

    def make(path: Path) -> None:
        methods = [_kinds(name, study) for name in dict.fromkeys(cell.method for cell in cells)]
        rows = [row for kinds in methods for row in _rows(kinds)]
        judged = [one for kinds in methods for one in _claims(kinds)]
        lost = [
            f"{cell.method}, {cell.kind}, seed {cell.seed}: {cell.outcome}"
            for cell in cells
            if isinstance(cell.outcome, str)
        ]
        (path / "cells.json").write_text(json.dumps(_known(rows), indent=1))
        (path / "claims.json").write_text(json.dumps(_known(judged), indent=1))
        (path / "table.md").write_text(table(rows, lost))
        (path / "canaries.md").write_text(canaries(rows))
        (path / "claims.md").write_text(findings(judged))
        figure = drawing({kinds.method: _panels(kinds) for kinds in methods}, rows, config.exposure)
        figure.savefig(path / "figure.png", dpi=150)

    identity = Identity(
        kind="contrast",
        config=study,
        inputs=tuple(record for cell in cells for record in _records(cell)),
        rooms=("contrast", "metrics", "pages"),
    )
    return keep(identity, make)


def verdicts(record: Record) -> list[dict[str, str]]:
    """Each claim and what came of it."""
    judged = json.loads((record.path / "claims.json").read_text())
    return [{name: one[name] for name in ("method", "claim", "verdict")} for one in judged]


def _records(cell: Cell) -> Iterator[Record]:
    yield from (cell.data, cell.target, cell.retrained)
    if isinstance(cell.outcome, Outcome):
        yield from (cell.outcome.unlearned, cell.outcome.losses)


def _kinds(method: str, study: Study) -> Kinds:
    runs: dict[Kind, list[Run]] = {}
    for cell in study.cells:
        if cell.method == method and isinstance(cell.outcome, Outcome):
            runs.setdefault(cell.kind, []).append(_run(cell, cell.outcome))
    times = sorted(
        {times for of in runs.values() for run in of for times in run.documents["times"]}
    )
    return Kinds(method, runs, times, study.config)


def _run(cell: Cell, outcome: Outcome) -> Run:
    documents = pd.read_parquet(cell.data.path / "forget.parquet", columns=["doc_id", "times"])
    told = {"before": cell.target, "never": cell.retrained, "after": outcome.losses}
    for name, record in told.items():
        said = (
            pd.read_json(record.path / "losses.json", precise_float=True)
            .set_index("doc_id")
            .add_suffix(f"_{name}")
        )
        documents = documents.join(said, on="doc_id")
    hard = documents.groupby("times")["loss_never"].transform(lambda of: thirds(of.to_numpy()))
    lines = [
        json.loads(line)
        for line in (outcome.unlearned.path / "progress.jsonl").read_text().splitlines()
    ]
    probed = pd.DataFrame([line for line in lines if "document_0_nll" in line], dtype=float)
    said_PD = probed[[f"document_{at}_nll" for at in range(len(documents))]].to_numpy()
    return Run(
        documents=documents.assign(third=hard),
        way=Way(
            steps_P=probed["step"].to_numpy(),
            exposure_DP=documents["loss_never"].to_numpy()[:, None] - said_PD.T,
            lost_P=(probed["test_nll"] - probed["test_nll"][0]).to_numpy(),
        ),
        tokens_per_step=outcome.unlearned.config["optimiser"]["tokens_per_step"],
        unseen=_unseen(cell.retrained) - _unseen(cell.target),
    )


def _unseen(record: Record) -> float:
    loss: float = json.loads((record.path / "unseen.json").read_text())["loss"]
    return loss


def _rows(kinds: Kinds) -> list[dict[str, Any]]:
    """A row for every kind, number of readings and difficulty, and for all of them."""
    often: list[Times] = [*kinds.times, ALL]
    return [
        _row(kinds, kind, times, third)
        for kind in kinds.runs
        for times, third in product(often, [ALL, *THIRDS])
    ]


def _row(kinds: Kinds, kind: Kind, times: Times, third: str) -> dict[str, Any]:
    ways = kinds.ways(kind, times, third)
    point = found(ways, kinds.config.exposure)
    spread = kinds.resamples(kind, times, third)
    runs = kinds.runs[kind]
    passes = np.mean([run.tokens_per_step / run.documents["tokens_never"].sum() for run in runs])
    row: dict[str, Any] = {
        "method": kinds.method, "kind": kind, "times": times, "difficulty": third,
        "documents": len(ways[0].exposure_DP), "seeds": len(runs),
        "passes_per_step": float(passes), "unseen": float(np.mean([run.unseen for run in runs])),
    }  # fmt: skip
    for name in Reached._fields:
        low, high = interval(getattr(spread, name), CONFIDENCE)
        row |= {name: float(getattr(point, name)[0]), f"{name}_low": low, f"{name}_high": high}
    return row | _bits(runs, times, third)


def _bits(runs: Sequence[Run], times: Times, third: str) -> dict[str, float]:
    """Mean canary exposure, and its standard error over canaries of all seeds; NaN of others."""
    documents = pd.concat([run.documents[run.chosen(times, third)] for run in runs])
    told: dict[str, float] = {}
    for name in ("before", "after", "never"):
        bits = documents[f"bits_{name}"].to_numpy(float)
        error = bits.std(ddof=1) / math.sqrt(bits.size) if bits.size > 1 else math.nan
        told |= {f"bits_{name}": float(bits.mean()), f"bits_{name}_error": float(error)}
    return told


def _claims(kinds: Kinds) -> list[dict[str, Any]]:
    if NATURAL not in kinds.runs:
        return []
    most, least = kinds.times[-1], kinds.times[0]
    groups: dict[str, Groups] = {
        kind: Groups(
            most=kinds.resamples(kind, most, ALL),
            least=kinds.resamples(kind, least, ALL),
            easy=kinds.resamples(kind, ALL, THIRDS[0]),
            hard=kinds.resamples(kind, ALL, THIRDS[-1]),
        )
        for kind in kinds.runs
    }
    found = []
    for claim in CLAIMS:
        findings = claims.judged(claim, groups, NATURAL)
        found.append(
            {
                "method": kinds.method,
                "claim": claim.says,
                "measured": claim.measured,
                "verdict": claims.overall(findings),
                "kinds": {kind: finding._asdict() for kind, finding in findings.items()},
            }
        )
    return found


def _panels(kinds: Kinds) -> list[Curve]:
    """The course of each kind's documents that were read most often."""
    made = []
    for kind, runs in kinds.runs.items():
        ways = kinds.ways(kind, kinds.times[-1], ALL)
        seed = _seed(kinds.config, kind, kinds.times[-1], ALL)
        spread_RP = curves(ways, kinds.draws(kind), seed)
        low, high = np.quantile(spread_RP, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        made.append(
            Curve(
                kind=kind,
                steps=runs[0].way.steps_P,
                exposure=np.mean([way.exposure_DP.mean(0) for way in ways], axis=0),
                low=low,
                high=high,
                lost=np.mean([way.lost_P for way in ways], axis=0),
            )
        )
    return made


def _seed(config: ContrastConfig, *group: object) -> int:
    """Documents of one group are drawn independently of another's."""
    return zlib.crc32(f"{config.seed}/{group}".encode())


def _known(value: Any) -> Any:
    """JSON: what is not known is null, what was never reached says so."""
    match value:
        case dict():
            return {name: _known(one) for name, one in value.items()}
        case list():
            return [_known(one) for one in value]
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else "not reached"
        case _:
            return value
