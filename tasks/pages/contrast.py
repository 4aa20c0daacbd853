"""Forgetting in and out of distribution, for people: tables in Markdown and one figure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.pages.markdown import figure as shown
from tasks.pages.markdown import spread, tabled
from tasks.pages.plots import GREY
from tasks.pages.told import Floats

LOOKS = {
    "natural": ("#0a5ba8", "o"),
    "shuffled": ("#b3441e", "s"),
    "register": ("#3f7d44", "^"),
    "canary": ("#6b4c9a", "D"),
}
ALL = "all"
Row = Mapping[str, Any]
OVERSHOT = -1.0
"""Exposure, in nats per token, below which the price of forgetting is not drawn: that far below
what was never seen nobody wants to go, and it would press the rest together."""


class Curve(NamedTuple):
    """The course of one kind's documents, mean over documents and seeds; each [probes]."""

    kind: str
    steps: Floats
    exposure: Floats
    low: Floats
    high: Floats
    lost: Floats


def table(rows: Sequence[Row], lost: Sequence[str]) -> str:
    """By kind: each number of readings at all difficulties, each difficulty at all readings."""
    titles = [
        "method", "kind", "read", "difficulty", "documents x seeds", "exposure before",
        "steps to the stated exposure", "passes", "test loss then", "exposure at the end",
        "test loss at the end",
    ]  # fmt: skip
    cells = [
        [
            row["method"],
            row["kind"],
            str(row["times"]),
            row["difficulty"],
            f"{row['documents']} x {row['seeds']}",
            _spread(row, "start"),
            _spread(row, "steps"),
            shown(row["steps"] * row["passes_per_step"]),
            _spread(row, "lost"),
            _spread(row, "end"),
            _spread(row, "damage"),
        ]
        for row in rows
        if ALL in (row["times"], row["difficulty"])
    ]
    unseen = {row["method"]: row["unseen"] for row in rows}
    notes = [f"Exposure before of text that none saw, {k}: {v:.3g}." for k, v in unseen.items()]
    return "\n".join([tabled(titles, cells), *notes, *(f"No result: {one}" for one in lost)])


def canaries(rows: Sequence[Row]) -> str:
    """Exposure of canaries in bits, plus or minus its standard error over canaries."""
    titles = ["method", "read", "canaries x seeds", "before", "after", "never seen"]
    cells = [
        [
            row["method"],
            str(row["times"]),
            f"{row['documents']} x {row['seeds']}",
            *(
                f"{row[f'bits_{when}']:.2f} ± {row[f'bits_{when}_error']:.2f}"
                for when in ("before", "after", "never")
            ),
        ]
        for row in rows
        if row["kind"] == "canary" and row["difficulty"] == ALL
    ]
    return tabled(titles, cells)


def findings(judged: Sequence[Row]) -> str:
    """Each claim with its verdict, and the interval of the difference for each kind."""
    titles = ["method", "claim", "verdict", "measured", "difference by kind, 95 %"]
    cells = [
        [
            one["method"],
            one["claim"],
            one["verdict"],
            one["measured"],
            "; ".join(
                f"{kind}: {shown(found['low'])} to {shown(found['high'])}, {found['verdict']}"
                for kind, found in one["kinds"].items()
            ),
        ]
        for one in judged
    ]
    return tabled(titles, cells)


def drawing(courses: Mapping[str, Sequence[Curve]], rows: Sequence[Row], stated: float) -> Figure:
    """A row of panels a method: exposure by step, its price, steps by readings and difficulty."""
    figure = Figure(figsize=(15, 4.4 * len(courses)), layout="constrained")
    panels = figure.subplots(len(courses), 3, squeeze=False)
    for (method, curves), (way, price, steps) in zip(courses.items(), panels, strict=True):
        for curve in curves:
            _way(way, curve)
            _price(price, curve)
        for axes in (way, price):
            line = axes.axhline if axes is way else axes.axvline
            line(stated, color=GREY, linewidth=0.8, linestyle="--")
            line(0, color=GREY, linewidth=0.8)
        most = max(row["times"] for row in rows if row["times"] != ALL)
        way.set(
            title=f"{method}: documents read {most} times", xlabel="optimiser step",
            ylabel="mean exposure, nats per token",
        )  # fmt: skip
        price.set(
            title="what it costs, step by step", xlabel="mean exposure, nats per token",
            ylabel="test loss above its start, nats per token",
        )  # fmt: skip
        price.set_xlim(1.05 * max(curve.exposure[0] for curve in curves), OVERSHOT)
        price.set_ylim(*_worth_seeing(curves))
        _steps(steps, [row for row in rows if row["method"] == method], curves[0].steps[-1])
        way.legend(frameon=False)
        steps.set(title=f"steps until exposure is {stated:g}", ylabel="optimiser steps")
    return figure


def _way(axes: Axes, curve: Curve) -> None:
    colour, marker = LOOKS[curve.kind]
    axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        curve.steps, curve.exposure, color=colour, marker=marker, markersize=3, label=curve.kind
    )


def _price(axes: Axes, curve: Curve) -> None:
    colour, marker = LOOKS[curve.kind]
    axes.plot(curve.exposure, curve.lost, color=colour, marker=marker, markersize=3)


def _worth_seeing(curves: Sequence[Curve]) -> tuple[float, float]:
    """The lowest and highest price up to ``OVERSHOT``, with a little room."""
    lost = np.concatenate([curve.lost[curve.exposure >= OVERSHOT] for curve in curves])
    room = 0.05 * max(float(np.ptp(lost)), 1e-6)
    return float(lost.min()) - room, float(lost.max()) + room


def _steps(axes: Axes, rows: Sequence[Row], last: float) -> None:
    """Points with their intervals; what was not reached stands at the top, hollow."""
    groups = [(row["times"], row["difficulty"]) for row in rows if _margin(row)]
    places = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    for row in filter(_margin, rows):
        colour, marker = LOOKS[row["kind"]]
        at = places[row["times"], row["difficulty"]] + 0.18 * (kinds.index(row["kind"]) - 1.5)
        ends = [min(row[f"steps_{end}"], last) for end in ("low", "high")]
        axes.plot([at, at], ends, color=colour, linewidth=1.2)
        reached = math.isfinite(row["steps"])
        axes.plot(
            at, min(row["steps"], last), marker=marker, color=colour,
            fillstyle="full" if reached else "none",
        )  # fmt: skip
    axes.axhline(last, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xticks(
        np.arange(len(places)),
        [f"read {times}" if third == ALL else third for times, third in places],
    )


def _margin(row: Row) -> bool:
    margin: bool = (row["times"] == ALL) != (row["difficulty"] == ALL)
    return margin


def _spread(row: Row, name: str) -> str:
    """A figure with its interval."""
    return spread(row[name], row[f"{name}_low"], row[f"{name}_high"])
