"""Step: searches side by side: every trial, what was found, a plot, and parameters to run with."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullFormatter
from prefect import task

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.metrics import scores
from tasks.pages.markdown import markdown
from tasks.search import Found, Tried, best

RATE = "optimiser.learning_rate"


class Searches(Section):
    """All of a tuning."""

    found: tuple[Found, ...]


@task
def conclude(found: list[Found]) -> Record:
    """Every trial, every winner with its judgement, and a file of parameters for each of these."""
    searches = Searches(found=tuple(found))

    def make(scratch: Path) -> None:
        rows = pd.DataFrame([_row(one.name, tried) for one in found for tried in one.trials])
        rows.to_json(scratch / "trials.json", orient="records", indent=1)
        (scratch / "table.md").write_text(markdown(rows, COLUMNS))
        scores.write([_winner(one) for one in found], scratch / "best.json")
        (scratch / "best.md").write_text(markdown(pd.DataFrame(map(_winner, found)), BEST))
        plot(found).savefig(scratch / "plot.png", dpi=110)
        (scratch / "params").mkdir()
        for one in found:
            if one.params:
                text = yaml.safe_dump(one.params, sort_keys=False)
                (scratch / "params" / f"{one.name}.yaml").write_text(text)

    identity = Identity(
        kind="tuning", config=searches, rooms=("conclude", "search", "pages/markdown")
    )
    return keep(identity, make)


def winners(record: Record) -> list[dict[str, Any]]:
    """What was found by each search, a figure that is not known as None."""
    rows: list[dict[str, Any]] = json.loads((record.path / "best.json").read_text())
    return rows


def plot(found: list[Found]) -> Figure:
    """A pair of panels for each search: allowances spent by trial, and by learning rate.

    The line at 1 is the gate's bound. A cross is a trial that was given up, where it was then; a
    triangle is one that diverged; the ring is the winner. What spent more than four times its
    allowance is drawn at the top.
    """
    across = min(len(found), 3)
    down = math.ceil(len(found) / across)
    figure = Figure(figsize=(5.6 * across, 2.3 * down), layout="constrained")
    panels = figure.subplots(down, 2 * across, squeeze=False).reshape(-1, 2)
    spent = [one.spent for search in found for one in search.trials if math.isfinite(one.spent)]
    for one, (by_trial, by_rate) in zip(found, panels, strict=False):
        winner = best(one.trials)
        by_rate.set_xscale("log")
        for axes, name in ((by_trial, "trial"), (by_rate, "learning rate")):
            axes.axhline(1, color="grey", linewidth=0.8)
            axes.set(yscale="log", xlabel=name, ylim=(min([*spent, 0.5]) / 1.3, 1.3 * SHOWN_TO))
            _label(axes.yaxis, LogLocator(subs=(1, 2, 5)))
        _label(by_trial.xaxis, MaxNLocator(integer=True))
        _label(by_rate.xaxis, LogLocator(subs=(1, 3)))
        by_trial.set(title=one.name, ylabel="allowance spent")
        for tried in one.trials:
            _dot(by_trial, tried.number, tried, tried == winner)
            if RATE in tried.knobs:
                _dot(by_rate, tried.knobs[RATE], tried, tried == winner)
    for axes in panels[len(found) :].flat:
        axes.set_axis_off()
    return figure


SHOWN_TO = 4
MARKERS = {"judged": "o", "pruned": "x", "diverged": "^"}
COLOURS = {"judged": "#0a5ba8", "pruned": "#b3441e", "diverged": "#1c232b"}


def _label(axis: Axis, locator: Locator) -> None:
    axis.set_major_locator(locator)
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _dot(axes: Axes, x: float, tried: Tried, wins: bool) -> None:
    y = min(tried.spent, SHOWN_TO) if math.isfinite(tried.spent) else SHOWN_TO
    axes.plot(x, y, MARKERS[tried.outcome], color=COLOURS[tried.outcome], markersize=5)
    if wins:
        axes.plot(x, y, "o", color="#3f7d44", markersize=11, fillstyle="none")


SHOWN = {
    "spent": "allowance spent",
    "forget_factor": "forget ppl / never-saw-it model's",
    "retain_factor": "retain ppl / target's",
    "general_factor": "general ppl / target's",
    "test_factor": "test ppl / target's",
    "loss_auc": "membership AUC",
    "kept_step": "step kept",
    "steps": "of steps taken",
}
COLUMNS = {
    "method": "method",
    "number": "trial",
    "knobs": "knobs",
    "outcome": "outcome",
    **SHOWN,
    "seconds": "seconds",
    "why": "fails on, or why it ended",
}
BEST = {
    "method": "method",
    "passing": "trials that pass",
    "trials": "of",
    "knobs": "best knobs",
    "kept_step": "step kept",
    "tuned": "allowance spent, tuning half",
    "spent": "judgement half",
    "outcome": "gate there",
    **{name: title for name, title in SHOWN.items() if name.endswith(("_factor", "_auc"))},
    "why": "fails on",
}


def _row(name: str, tried: Tried) -> dict[str, Any]:
    """A trial; NaN where a figure is not known."""
    known = {figure: tried.figures.get(figure, math.nan) for figure in (*SHOWN, "seconds")}
    outcome = ("pass" if tried.passed else "fail") if tried.outcome == "judged" else tried.outcome
    return {
        "method": name,
        "number": tried.number,
        "knobs": ", ".join(f"{knob} {value:g}" for knob, value in tried.knobs.items()),
        "outcome": outcome,
        **known,
        "why": tried.why,
    }


def _winner(found: Found) -> dict[str, Any]:
    tuned = best(found.trials)
    judged = found.judgement or Tried(number=0, knobs={}, outcome="diverged", why="every trial")
    row = _row(found.name, judged)
    about = {
        "passing": sum(tried.passed for tried in found.trials),
        "trials": len(found.trials),
        "tuned": tuned.spent if tuned else math.nan,
    }
    return {**row, **about}
