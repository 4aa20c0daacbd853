"""The report of an event: one HTML file that needs no other, no script and no network."""

import math

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from tasks.core.event import SPLITS, Role, Split
from tasks.pages import plots, tables, words
from tasks.pages.told import Told


def html(told: Told) -> str:
    """The page; every string is escaped, the plots alone are markup."""
    title, summary = words.headline(told)
    attack = tables.leading(told)
    figures = {
        "distribution": plots.distribution(told.losses, told.like),
        "roc": plots.roc({role: by[attack] for role, by in told.curves.items() if attack in by}),
        "covariates": plots.covariates(told.losses),
        "way": plots.way(told.steps, _never(told).forget, told.kept_step),
        "trade_off": plots.trade_off(told.steps, _never(told), told.kept_step),
    }
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            told=told,
            title=title,
            summary=summary,
            splits=SPLITS,
            attack=attack.replace("_", " "),
            figures=figures,
            probed=plots.probed(told.steps),
            config=yaml.safe_dump(told.config, sort_keys=False, allow_unicode=True),
            words=words,
            tables=tables,
        )
    )


def markdown(told: Told, link: str) -> str:
    """The verdict and the models side by side, for a page that renders Markdown."""
    title, summary = words.headline(told)
    head = ["model", *(f"{split} {name}" for split in SPLITS for name in tables.FORMATS), "AUC"]
    rows = [[row.role, *(cell.figure for cell in row.cells)] for row in tables.side_by_side(told)]
    lines = [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]
    reasons = [
        f"- {'passed' if one.passed else '**failed**'}: {one.message}" for one in words.judged(told)
    ]
    return "\n".join(
        [f"## {title}", "", summary, "", *lines, "", *reasons, "", f"[The whole report]({link})"]
    )


def _never(told: Told) -> plots.Point:
    """Mean losses where the text was never seen."""
    role: Role = "retrained" if told.retrained else "target"
    forgotten: Split = "forget" if told.retrained else "approximate"
    splits: tuple[Split, ...] = ("retain", forgotten)
    return plots.Point(*(_nats(told.scores[role][split].get("perplexity")) for split in splits))


def _nats(perplexity: float | None) -> float:
    return math.log(perplexity) if perplexity else math.nan


def environment() -> Environment:
    """Where layouts are found; they escape every string that is not said to be markup."""
    return Environment(
        loader=PackageLoader("tasks.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
