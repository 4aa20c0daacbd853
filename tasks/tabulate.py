"""Step: set the verdicts of many runs side by side, as tables and figures.

What is written is a function of the rows in cells.json alone: ``write`` makes all of it again from
the rows of an earlier study.
"""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.metrics.robustness import READINGS, beside, judged, outcomes, readings, shares
from tasks.metrics.spending import SPENT, claims, retraining, spending
from tasks.pages import comparison, studies
from tasks.pages.markdown import markdown


class Cell(Section):
    """One method at one learning rate on one request, and what came of it."""

    request: str
    method: str
    learning_rate: float
    seed: int
    verdict: Record | str
    """The verdict, or the line that says why training gave none."""


class Cells(Section):
    """All of a study."""

    cells: tuple[Cell, ...]


@task
def tabulate(cells: list[Cell]) -> Record:
    study = Cells(cells=tuple(cells))
    verdicts = tuple(cell.verdict for cell in cells if isinstance(cell.verdict, Record))
    return keep(
        Identity(
            kind="benchmark", config=study, inputs=verdicts, rooms=("tabulate", "metrics", "pages")
        ),
        lambda path: write(pd.DataFrame([_row(cell) for cell in study.cells]), path),
    )


def write(rows: pd.DataFrame, out: Path) -> None:
    """Every table and figure of a study, and its cells as JSON, into the folder ``out``.

    ``rows`` are those of cells.json: ``pd.read_json("cells.json")`` does; a figure that it does not
    have was not measured.
    """
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *MEASURES, *SPENT])))
    rows.to_json(out / "cells.json", orient="records", indent=1)
    (out / "table.md").write_text(markdown(rows, COLUMNS))
    studies.outcomes(rows).savefig(out / "plot.png", dpi=150)
    _robustness(rows, out)
    _cost(rows, out)


def _robustness(rows: pd.DataFrame, out: Path) -> None:
    passing, read = shares(rows), readings(rows)
    asked = []
    for name, meaning in READINGS.items():
        found = beside(read, name)
        means = read.groupby("method", sort=False)[name].agg(["mean", "min", "max"]).reset_index()
        told = [one._asdict() for one in found]
        asked.append(comparison.Asked(meaning, judged(found), means, told))
    (out / "robustness.md").write_text(comparison.robustness(passing, asked))
    everywhere = passing[passing["request"] == "all"]
    figure = studies.robustness(rows.assign(outcome=outcomes(rows)), everywhere)
    figure.savefig(out / "robustness.png", dpi=150)


def _cost(rows: pd.DataFrame, out: Path) -> None:
    spent, again = spending(rows), retraining(rows)
    (out / "cost.md").write_text(comparison.cost(spent, again, claims(spent)))
    studies.cost(spent, comparison.SPENT, again).savefig(out / "cost.png", dpi=150)


def table(record: Record) -> list[dict[str, Any]]:
    """The rows of a study, numbers that could not be measured as None."""
    rows: list[dict[str, Any]] = json.loads((record.path / "cells.json").read_text())
    return rows


COLUMNS = {
    "request": "request",
    "method": "method",
    "learning_rate": "learning rate",
    "seed": "seed",
    "pass": "gate",
    "forget_factor": "forget ppl / never-saw-it model's",
    "test_factor": "test ppl / target's",
    "retain_factor": "retain ppl / target's",
    "auc": "membership AUC",
    "auc_never": "of the never-saw-it model",
    "extraction_strength": "extraction strength",
    "fails_on": "fails on",
}
MEASURES = (
    "forget_factor",
    "test_factor",
    "retain_factor",
    "auc",
    "auc_never",
    "extraction_strength",
)


def _row(cell: Cell) -> dict[str, Any]:
    about = cell.model_dump(include={"request", "method", "learning_rate", "seed"})
    if isinstance(cell.verdict, str):
        missing = dict.fromkeys((*MEASURES, *SPENT), math.nan)
        return {**about, "pass": False, **missing, "fails_on": cell.verdict}
    verdict, scores, attacks = (
        json.loads((cell.verdict.path / f"{name}.json").read_text())
        for name in ("verdict", "scores", "attacks")
    )
    unlearned, target = scores["unlearned"], scores["target"]
    never_saw = _never_saw(scores, verdict["comparator"])
    return {
        **about,
        "pass": verdict["pass"],
        "forget_factor": _ratio(unlearned["forget"]["perplexity"], never_saw),
        "test_factor": _ratio(unlearned["test"]["perplexity"], target["test"]["perplexity"]),
        "retain_factor": _ratio(unlearned["retain"]["perplexity"], target["retain"]["perplexity"]),
        "auc": attacks["unlearned"].get("loss", {}).get("auc"),
        "auc_never": attacks.get("retrained", {}).get("loss", {}).get("auc", CHANCE),
        "extraction_strength": unlearned["forget"]["extraction_strength"],
        **_spent(verdict["cost"]),
        "fails_on": ", ".join(
            reason["rule"] for reason in verdict["reasons"] if not reason["passed"]
        ),
    }


def _spent(price: dict[str, float | None]) -> dict[str, float]:
    """The columns of SPENT, NaN where not known; an older verdict knows fewer of them."""
    known = {name: math.nan if value is None else value for name, value in price.items()}
    known["peak_memory_gib"] = known["peak_memory_bytes"] / 2**30
    return {name: known.get(name, math.nan) for name in SPENT}


def _never_saw(scores: dict[str, Any], comparator: str) -> float | None:
    """The forget perplexity of a model that never saw the text, as the gate takes it."""
    role, split = NEVER_SAW[comparator]
    perplexity: float | None = scores[role][split]["perplexity"]
    return perplexity


CHANCE = 0.5
"""What the gate holds an attack against where there is no retrained model."""

NEVER_SAW = {"retrained": ("retrained", "forget"), "approximate": ("target", "approximate")}


def _ratio(value: float | None, base: float | None) -> float:
    return math.nan if value is None or base is None else value / base
