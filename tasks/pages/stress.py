"""What trials brought back, in words, as tables and as a figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.pages.plots import COLOURS, GREY, STYLE

Cell = Mapping[str, Any]
UNTOUCHED = "untouched"
BEST_OF = "best of {} samples"

MEASURES = {
    "log_probability": "log-probability, nats per token",
    "exact_memorisation": "exact memorisation, share of tokens",
    "extraction_strength": "extraction strength, share of tokens",
    "membership_auc": "membership AUC of the loss",
    "rouge_l": "ROUGE-L of words, F1",
    "rouge_l_stemmed": "ROUGE-L of stems, F1",
    "common_substring": "longest common substring, tokens",
}
"""All of them higher where more of the text is there. The first that a trial has decides."""

TRIALS = {
    UNTOUCHED: "Nothing done",
    "relearn": "Relearning the forget text",
    "relearn_half": "Relearning one half of the forget text, tested on the other",
    "bfloat16": "Weights in bfloat16",
    "float16": "Weights in float16",
    "int8": "Linear layers in 8 bits",
    "nf4": "Linear layers in 4 bits (NF4)",
    "later": "Prompt from further on in the text",
    "instructed": "An instruction before the prompt",
    "titled": "The title before the prompt",
    "upper_case": "Prompt in capitals",
    "spaced": "Prompt with spaces doubled",
}
"""What is said of a trial; others by their own name."""

VERDICTS = {
    "more": "the unlearned model gives back more than a model that never saw the text",
    "less": "the unlearned model gives back less than a model that never saw the text",
    "alike": "the unlearned model gives back no more than a model that never saw the text, as far "
    "as so many documents can tell",
    "unknown": "nothing could be measured",
}


def said(cells: Sequence[Cell]) -> list[str]:
    """A sentence a trial: does the unlearned model give back more than one that never saw it?"""
    return [_sentence(of) for of in _by_trial(cells).values()]


def page(cells: Sequence[Cell], confidence: float) -> str:
    """The sentences, and a table for every measure."""
    lines = ["# What comes back", "", *(f"- {line}" for line in said(cells)), ""]
    lines += [
        "Every measure is higher where more of the text is there. Difference: unlearned less "
        "retrained, both after the trial; gain: what the trial added to the unlearned less what "
        "it added to the retrained. Target: nothing done, or asked the same. In brackets: "
        f"{100 * confidence:g} % bootstrap intervals over documents, each for itself.",
    ]
    for measure, title in MEASURES.items():
        rows = [cell for cell in cells if cell["measure"] == measure]
        lines += ["", f"## {title}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def figure(cells: Sequence[Cell]) -> Figure:
    """A panel a measure: the difference and its interval after every trial."""
    names = [*_by_trial(cells)]
    with mpl.rc_context({**STYLE, "font.size": 8}):
        drawn = Figure(figsize=(13, 1.6 + 0.42 * len(names)), layout="constrained")
        panels = drawn.subplots(2, -(-len(MEASURES) // 2), sharey=True).ravel()
        for axes, (measure, title) in zip(panels, MEASURES.items(), strict=False):
            _panel(axes, [cell for cell in cells if cell["measure"] == measure], names)
            axes.set_title(title, fontsize=8)
        for axes in panels[len(MEASURES) :]:
            axes.set_axis_off()
        drawn.supxlabel(
            "unlearned less retrained after the same trial; right of 0: the unlearned model gives "
            "back more than one that never saw the text; grey line: with nothing done"
        )
        return drawn


def verdict(cell: Cell) -> str:
    """Which of VERDICTS an interval says."""
    if not _finite(cell["low"], cell["high"]):
        return "unknown"
    return "more" if cell["low"] > 0 else "less" if cell["high"] < 0 else "alike"


def _sentence(cells: Sequence[Cell]) -> str:
    """What the first measure says with its figures; others by name where they say otherwise."""
    cell, *others = sorted(cells, key=lambda cell: [*MEASURES].index(cell["measure"]))
    found = verdict(cell)
    name = _called(cell["trial"])
    if found == "unknown":
        return f"{name}: {VERDICTS[found]}."
    apart = _interval(cell["difference"], cell["low"], cell["high"])
    line = (
        f"{name}: {VERDICTS[found]} ({MEASURES[cell['measure']]}: {_number(cell['unlearned'])} "
        f"against {_number(cell['retrained'])}, {apart}"
    )
    if cell["trial"] != UNTOUCHED:
        gain = _interval(cell["gain"], cell["gain_low"], cell["gain_high"])
        line += f"; {gain} of it came with the trial"
    unlike = [
        f"{verdict(one)} by {MEASURES[one['measure']].split(',')[0]}"
        for one in others
        if verdict(one) != found
    ]
    return line + ")" + (f"; {_listed(unlike)}" if unlike else "") + "."


def _table(rows: Sequence[Cell]) -> Iterator[str]:
    titles = ["trial", "documents", "target", "unlearned", "retrained", "difference", "gain"]
    yield "| " + " | ".join(titles) + " |"
    yield "|" + " --- |" * len(titles)
    for row in rows:
        changed = [
            f"{_number(row[f'{role}_before'])} → {_number(row[role])}"
            if row["trial"] != UNTOUCHED
            else _number(row[role])
            for role in ("unlearned", "retrained")
        ]
        gain = (
            _interval(row["gain"], row["gain_low"], row["gain_high"])
            if row["trial"] != UNTOUCHED
            else "-"
        )
        cells = [
            _called(row["trial"]),
            str(row["documents"]),
            _number(row["target"]),
            *changed,
            _interval(row["difference"], row["low"], row["high"]),
            gain,
        ]
        yield "| " + " | ".join(cells) + " |"


def _panel(axes: Axes, rows: Sequence[Cell], names: Sequence[str]) -> None:
    axes.axvline(0, color="#1c232b", linewidth=0.8)
    for row in rows:
        if not _finite(row["difference"], row["low"], row["high"]):
            continue
        at = names.index(row["trial"])
        untouched = row["trial"] == UNTOUCHED
        colour = GREY if untouched else COLOURS["unlearned"]
        if untouched:
            axes.axvline(row["difference"], color=GREY, linewidth=0.8, dashes=(2, 2))
        axes.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=1.6)
        axes.plot(row["difference"], at, "o", color=colour, markersize=4)
    axes.set_yticks(range(len(names)), [_called(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _by_trial(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell["trial"], []).append(cell)
    return found


def _called(trial: str) -> str:
    return TRIALS.get(trial, trial[:1].upper() + trial[1:])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _number(value: float | None) -> str:
    return f"{value:.3g}" if _finite(value) else "-"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if not _finite(value):
        return "-"
    around = f"[{low:+.2g}, {high:+.2g}]" if _finite(low, high) else "[-]"
    return f"{value:+.2g} {around}"


def _finite(*values: float | None) -> bool:
    """Whether all were measured; in memory what was not is NaN, from JSON it is None."""
    return all(value is not None and math.isfinite(value) for value in values)
