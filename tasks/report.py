"""Step: the report a person reads, one HTML file."""

import json
import math
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.context import TaskRunContext

from tasks.core.event import Event, Role
from tasks.core.record import Identity, Record, keep, sha256
from tasks.core.settings import PROJECT
from tasks.core.variants import Section
from tasks.metrics import evidence, scores
from tasks.pages import page
from tasks.pages.told import Curve, Floats, Told
from tasks.requests.plan import escaped
from tasks.requests.request import Request

ROOMS = ("report", "pages", "metrics")
LAYOUT = ("report.html.jinja", "report.css")


class Printed(Section):
    """What a report says beyond the records it is made from."""

    name: str
    commit: str
    run: dict[str, Any]
    layout: dict[str, str]
    """SHA-256 of the files that are no code."""


@task
def report(event: Event) -> Record:
    """report.html; inside a flow run, also a page in Prefect that links to it."""
    records = made(event)
    printed = Printed(
        name=event.name,
        commit=commit(),
        run=visible(redacted(event.config)),
        layout={name: sha256(PROJECT / "tasks/pages" / name) for name in LAYOUT},
    )
    identity = Identity(kind="report", config=printed, inputs=tuple(records.values()), rooms=ROOMS)

    def make(scratch: Path) -> None:
        told = tell(event, printed, scratch)
        (scratch / "report.html").write_text(page.html(told), encoding="utf-8")

    record = keep(identity, make)
    if TaskRunContext.get():
        link = (record.path / "report.html").as_uri()
        create_markdown_artifact(
            key=f"lethe-report-{record.fingerprint}",
            markdown=page.markdown(tell(event, printed, record.path), link),
            description=f"what came of {event.name}",
        )
    return record


def made(event: Event) -> dict[str, Record]:
    """Every record of ``event``, by what it is."""
    by_role = {"model": event.models, "evidence": event.evidence, "attacks": event.attacks}
    return {
        "data": event.data,
        "validation": event.validation,
        **{
            f"{role} {what}": record
            for what, records in by_role.items()
            for role, record in records.items()
        },
        "verdict": event.verdict,
    }


def tell(event: Event, printed: Printed, at: Path) -> Told:
    """The numbers of ``event`` for a report in the folder ``at``."""
    return Told(
        name=printed.name,
        config=printed.run,
        commit=printed.commit,
        records=made(event),
        revision=_json(event.data, "revision.json"),
        plan=visible(_json(event.data, "plan.json")),
        checks=_json(event.validation, "summary.json"),
        docs=os.path.relpath(event.validation.path / "data_docs" / "index.html", at),
        verdict=_scores(event.verdict, "verdict.json"),
        scores=_scores(event.verdict, "scores.json"),
        intervals=_scores(event.verdict, "intervals.json"),
        attacks=_scores(event.verdict, "attacks.json"),
        curves={role: _curves(record) for role, record in event.attacks.items()},
        losses={role: _losses(record, "forget") for role, record in event.evidence.items()},
        like=_losses(event.evidence["target"], "approximate"),
        exposure=visible(_scores(event.verdict, "exposure.json")),
        spent={role: _scores(record, "training.json") for role, record in event.models.items()},
        steps=_steps(event.models),
    )


def redacted(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with pasted passages, which are text to be forgotten, as digests."""
    request = Request.model_validate(config.get("request", {})).redacted()
    return {**config, "request": request.model_dump(mode="json")}


def visible(told: Any) -> Any:
    """``told`` with every string as a terminal would have it: nothing hidden, nothing reversed."""
    if isinstance(told, dict):
        return {name: visible(value) for name, value in told.items()}
    if isinstance(told, list):
        return [visible(value) for value in told]
    return escaped(told) if isinstance(told, str) else told


def commit() -> str:
    """The commit of this code, and whether it was changed since."""
    found = _git("rev-parse", "--show-toplevel", "HEAD").splitlines()
    if len(found) != 2 or Path(found[0]) != PROJECT:
        return "not a git checkout"
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{found[1]}{', with changes not committed' if changed else ''}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git on this machine: then it is no checkout either
        return ""
    return "" if done.returncode else done.stdout.strip()


def _losses(record: Record, split: str) -> Floats:
    told = evidence.read(record.path / f"{split}.parquet")
    return -told.means(told.logp)


def _curves(record: Record) -> dict[str, Curve]:
    curves = _scores(record, "roc.json")
    return {attack: Curve(curve["fpr"], curve["tpr"]) for attack, curve in curves.items()}


def _steps(models: Mapping[Role, Record]) -> list[dict[str, float]]:
    lines = (models["unlearned"].path / "progress.jsonl").read_text().splitlines()
    return [_numbers(json.loads(line)) for line in lines]


def _scores(record: Record, name: str) -> Any:
    return scores.read(record.path / name)


def _json(record: Record, name: str) -> Any:
    return json.loads((record.path / name).read_text())


def _numbers(step: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in step.items()}
