"""The figures of a study: many runs of many methods side by side.

Rows come as ``tabulate`` keeps them in cells.json, one a run.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from tasks.pages.plots import COLOURS, GREY, STYLE
from tasks.pages.told import Floats

LOOKS = [(colour, marker) for marker in "os^D" for colour in mpl.color_sequences["tab10"]]
OUTCOMES = {
    "destroyed": "#7a3b2e",
    "out of region": "#d9dde1",
    "in region": "#8fb8de",
    "passes": "#0a5ba8",
}
"""From worst to best; told apart in grey too."""

SAID = {
    "destroyed": "destroyed: test perplexity over twice the target's",
    "out of region": "forget perplexity out of the gate's region",
    "in region": "forget perplexity in the region, another rule failed",
    "passes": "passes the gate",
}
LIGHT = ("out of region", "in region")
AGAIN = "training again here, without the text"


def outcomes(rows: pd.DataFrame) -> Figure:
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


def robustness(rows: pd.DataFrame, shares: pd.DataFrame) -> Figure:
    """The share that passes with its interval, and what became of every point of the grid.

    ``rows`` have an ``outcome``, one of OUTCOMES; ``shares`` are over all requests, one a method.
    """
    requests = list(dict.fromkeys(rows["request"]))
    methods = shares["method"].tolist()
    rates = sorted(rows["learning_rate"].unique())
    wide = max(3.4 + 1.2 + 0.55 * len(rates) * len(requests), 9.5)  # the legend's width
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(wide, 1.9 + 0.36 * len(methods)), layout="constrained")
        ratios = [3.4, *[0.55 * len(rates)] * len(requests)]
        first, *panels = figure.subplots(
            1, 1 + len(requests), sharey=True, width_ratios=ratios, squeeze=False
        )[0]
        _intervals(first, shares)
        for axes, request in zip(panels, requests, strict=True):
            _grid(axes, rows[rows["request"] == request], methods, rates)
            axes.set_title(request)
        handles = [Patch(color=colour, label=SAID[name]) for name, colour in OUTCOMES.items()]
        figure.legend(handles=handles[::-1], loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _intervals(axes: Axes, shares: pd.DataFrame) -> None:
    at = np.arange(len(shares))
    beyond = [shares["share"] - shares["low"], shares["high"] - shares["share"]]
    axes.errorbar(
        shares["share"], at, xerr=np.maximum(beyond, 0), fmt="o", color=COLOURS["unlearned"],
        capsize=3,
    )  # fmt: skip
    axes.set_yticks(at, shares["method"].tolist())
    axes.set(xlim=(-0.02, 1.02), ylim=(len(shares) - 0.5, -0.5), xlabel="share that passes, 95 %")


def _grid(axes: Axes, rows: pd.DataFrame, methods: Sequence[str], rates: Sequence[float]) -> None:
    """A square per rate and method: its commonest outcome, the worse of two, and who passed."""
    names = list(OUTCOMES)
    shown = np.full((len(methods), len(rates)), np.nan)
    for (method, rate), runs in rows.groupby(["method", "learning_rate"]):
        y, x = methods.index(method), rates.index(rate)
        counts = [int((runs["outcome"] == name).sum()) for name in names]
        shown[y, x] = int(np.argmax(counts))
        dark = names[int(shown[y, x])] not in LIGHT
        axes.text(
            x, y, f"{counts[-1]}/{len(runs)}", ha="center", va="center", fontsize=7,
            color="white" if dark else "black",
        )  # fmt: skip
    axes.imshow(
        np.ma.masked_invalid(shown), cmap=ListedColormap(list(OUTCOMES.values())),
        vmin=-0.5, vmax=len(names) - 0.5, aspect="auto",
    )  # fmt: skip
    axes.set_xticks(range(len(rates)), [f"{rate:.1g}" for rate in rates], rotation=90)
    axes.tick_params(length=0)
    axes.set_xlabel("learning rate")


def cost(spent: pd.DataFrame, titles: Mapping[str, str], retraining: Mapping[str, float]) -> Figure:
    """A panel per figure that is known, a dot per method, logarithmic; a line where retraining is.

    Empty where nothing is known, as where every run diverged. ``spent`` has a column per key of
    ``titles``; ``retraining`` what retraining took, NaN where not known.
    """
    known = [name for name in titles if spent[name].notna().any()]
    methods = spent["method"].tolist()
    with mpl.rc_context(STYLE):
        high = 1.4 + 0.26 * len(methods)
        figure = Figure(figsize=(2.2 + 2.7 * len(known), high), layout="constrained")
        if not known:
            return figure
        panels = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, known, strict=True):
            _dots(axes, spent[name].to_numpy(np.float64), retraining.get(name, np.nan))
            axes.set_xlabel(titles[name])
        panels[0].set_yticks(range(len(methods)), methods)
        panels[0].set_ylim(len(methods) - 0.5, -0.5)
        if any(np.isfinite(retraining.get(name, np.nan)) for name in known):
            again = Line2D([], [], color=COLOURS["target"], dashes=(4, 2), label=AGAIN)
            figure.legend(handles=[again], loc="outside upper center")
    return figure


def _dots(axes: Axes, values: Floats, retraining: float) -> None:
    """A dot and its number for each method, between whole powers of ten."""
    axes.plot(values, np.arange(len(values)), "o", color=COLOURS["unlearned"])
    for y, value in enumerate(values):
        if np.isfinite(value):
            axes.annotate(
                f"{value:.3g}", (value, y), xytext=(7, 0), textcoords="offset points",
                va="center", fontsize=8,
            )  # fmt: skip
    every = np.append(values, retraining)
    low, high = np.nanmin(every), np.nanmax(every)
    axes.set_xscale("log")
    axes.set_xlim(10 ** np.floor(np.log10(low / 1.2)), 10 ** (np.floor(np.log10(2 * high)) + 1))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if np.isfinite(retraining):
        axes.axvline(retraining, color=COLOURS["target"], dashes=(4, 2))
    axes.grid(axis="both", color=GREY, alpha=0.25)
    axes.set_axisbelow(True)
