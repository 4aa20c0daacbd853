"""Step: what a nightly audit found, written down; an incident where it found anything amiss."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext
from prefect.events import emit_event

from tasks import ledger
from tasks.core.errors import AuditError
from tasks.core.events import REGRESSION
from tasks.metrics.regression import Finding
from tasks.registry import log_audit, tags

BY = "lethe-nightly"


class Heard(NamedTuple):
    """What was found of one event."""

    version: str
    figures: dict[str, Any]


@task(task_run_name="alarm-{model}")
def alarm(
    model: str, champion: str, precision: str, heard: Sequence[Heard], findings: Sequence[Finding]
) -> str:
    """Write the figures beside the champion and the outcome into the log; the MLflow run's id.

    Where there are findings: an incident on the Prefect page and the event ``lethe.regression``.

    Raises:
        AuditError: there are findings.
    """
    if findings:
        _declare(model, champion, findings)
    ledger.log(
        "audit.regression" if findings else "audit.passed",
        champion,
        BY,
        {
            "precision": precision,
            "events": len(heard),
            "findings": len(findings),
            "kinds": ",".join(sorted({one.kind for one in findings})),
            "weights": tags(champion)["lethe.weights"],
        },
    )
    figures = {one.version.replace("/", "-"): one.figures for one in heard}
    run_id = log_audit(champion, figures, {})
    if findings:
        raise AuditError(
            f"{champion}: {len(findings)} findings, first {findings[0].said}; the incident on the "
            f"Prefect page and MLflow run {run_id} have them all"
        )
    return run_id


def _declare(model: str, champion: str, findings: Sequence[Finding]) -> None:
    if FlowRunContext.get():
        create_markdown_artifact(
            key=f"lethe-incident-{model.removeprefix('lethe-')}",
            markdown=_page(model, champion, findings),
            description=f"what is wrong with {champion}",
        )
    emit_event(
        REGRESSION,
        resource={
            "prefect.resource.id": f"lethe.model.{model}",
            "prefect.resource.name": model,
        },
        payload={
            "champion": champion,
            "kinds": sorted({one.kind for one in findings}),
            "versions": sorted({one.version for one in findings}),
        },
    )


def _page(model: str, champion: str, findings: Sequence[Finding]) -> str:
    rows = [f"| {one.kind} | {one.version} | {one.said} |" for one in findings]
    return "\n".join(
        [
            f"**{champion}**, champion of {model}, may know what was forgotten, or is not what was "
            "promoted. Take it out of service until this is settled: `lethe rollback` puts the "
            "version before it back.",
            "",
            "| what | of | found |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
