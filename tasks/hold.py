"""Step: documents of a past event, as the champion finds them, held against its gate."""

from typing import Any

from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks.core.record import Record
from tasks.metrics import scores
from tasks.metrics.regression import Finding, membership

READ = ("perplexity", "exact_memorisation", "extraction_strength")


class Checked(BaseModel):
    """What the champion was found to know of one event."""

    model_config = ConfigDict(frozen=True)
    version: str
    findings: tuple[Finding, ...]
    figures: dict[str, Any]
    """By name, nested; NaN where something could not be measured."""


@task(task_run_name="hold-{version}")
def hold(
    version: str, reasons: tuple[dict[str, Any], ...], evidence: Record, attacks: Record
) -> Checked:
    """Whether the champion still tells nothing of the event that made ``version``.

    ``evidence`` and ``attacks`` are of the champion, on the event's own forget and approximate
    documents: their text is still there.
    """
    found = scores.read(attacks.path / "attacks.json")
    scored = scores.read(evidence.path / "scores.json")
    return Checked(
        version=version,
        findings=tuple(membership(version, reasons, found)),
        figures={
            split: {name: scored[split][name] for name in READ if name in scored[split]}
            for split in ("forget", "approximate")
        }
        | {"attack": found},
    )
