"""Step: set the verdicts of many runs side by side, as a table and a plot."""

import json
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from prefect import task

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.metrics.pretraining import KNOWN
from tasks.metrics.robustness import share


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

    def make(path: Path) -> None:
        rows = pd.DataFrame([_row(cell) for cell in study.cells])
        rows.to_json(path / "cells.json", orient="records", indent=1)
        (path / "table.md").write_text(markdown(rows, COLUMNS))
        (path / "robustness.md").write_text(markdown(robustness(rows), SHARES))
        (path / "cost.md").write_text(markdown(cost(rows), COSTS))
        plot(rows).savefig(path / "plot.png", dpi=150)

    return keep(
        Identity(kind="benchmark", config=study, inputs=verdicts, rooms=("tabulate", "metrics")),
        make,
    )


def table(record: Record) -> list[dict[str, Any]]:
    """The rows of a study, numbers that could not be measured as None."""
    rows: list[dict[str, Any]] = json.loads((record.path / "cells.json").read_text())
    return rows


def robustness(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each method, over all requests and for each: the share of its runs that pass the gate."""
    groups = [
        *((("all", method), runs) for method, runs in rows.groupby("method", sort=False)),
        *rows.groupby(["request", "method"], sort=False),
    ]
    return pd.DataFrame(
        [
            {"method": method, "request": request, **share(sum(runs["pass"]), len(runs))._asdict()}
            for (request, method), runs in groups
        ]
    )


def cost(rows: pd.DataFrame) -> pd.DataFrame:
    """Medians over a method's runs, beside retraining here and, as 6 N D, of known models."""
    spent = rows.groupby("method", sort=False)[list(SPENT)].median().reset_index()
    for known in KNOWN:
        spent[known.name] = known.ratio(1) / spent["tokens"]
    return spent


def markdown(rows: pd.DataFrame, columns: dict[str, str]) -> str:
    """Some columns of ``rows``, by their titles, as one Markdown table."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + " --- |" * len(columns)]
    for row in rows.to_dict("records"):
        lines.append("| " + " | ".join(_shown(row[name]) for name in columns) + " |")
    return "\n".join(lines) + "\n"


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
LOOKS = [(colour, marker) for marker in "os^D" for colour in mpl.color_sequences["tab10"]]
SHARES = {
    "method": "method",
    "request": "request",
    "passed": "runs that pass",
    "of": "of",
    "share": "share",
    "low": "95 % from",
    "high": "to",
}
SPENT = {
    "tokens": "tokens",
    "flops": "FLOP",
    "seconds": "seconds",
    "peak_memory_gib": "peak memory, GiB",
    "ratio": "retraining here / this, FLOP",
}
COSTS = {
    "method": "method",
    **SPENT,
    **{known.name: f"retraining {known.name} / this, 6 N D" for known in KNOWN},
}
MEASURES = (
    "forget_factor",
    "test_factor",
    "retain_factor",
    "auc",
    "auc_never",
    "extraction_strength",
)


def plot(rows: pd.DataFrame) -> Figure:
    """Forgetting against utility, a panel per request, a point per rate: the median of its seeds.

    The cross is the never-saw-it model.
    """
    requests = list(dict.fromkeys(rows["request"]))
    figure = Figure(figsize=(5.2 * len(requests), 4.6), layout="constrained")
    looks = dict(zip(dict.fromkeys(rows["method"]), LOOKS, strict=False))
    for axes, request in zip(
        figure.subplots(1, len(requests), squeeze=False)[0], requests, strict=True
    ):
        for method, runs in rows[rows["request"] == request].groupby("method", sort=False):
            colour, marker = looks[method]
            points = runs.groupby("learning_rate")[["forget_factor", "test_factor"]].median()
            axes.plot(
                points["forget_factor"], points["test_factor"],
                marker=marker, color=colour, label=method, linewidth=1,
            )  # fmt: skip
        axes.axvline(1, color="grey", linewidth=0.8)
        axes.axhline(1, color="grey", linewidth=0.8)
        axes.set(
            xscale="log", yscale="log", title=request,
            xlabel="forget perplexity / never-saw-it model's",
            ylabel="test perplexity / target's",
        )  # fmt: skip
    axes.legend(fontsize=7)
    return figure


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
    """The columns of SPENT, NaN where not known."""
    known = {name: math.nan if value is None else value for name, value in price.items()}
    known["peak_memory_gib"] = known["peak_memory_bytes"] / 2**30
    return {name: known[name] for name in SPENT}


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


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "pass" if value else "fail"
        case float():
            return "-" if math.isnan(value) else f"{value:.3g}"
        case _:
            return str(value)
