"""Step: write down what an audit found, beside the version it looked at."""

import json

from prefect import task

from tasks.core.record import Record
from tasks.metrics.metric import bounds
from tasks.registry import log_audit


@task
def record_audit(version: str, evidence: Record, attacks: Record) -> str:
    """The MLflow run that holds the audit's figures."""
    sure = bounds(json.loads((evidence.path / "intervals.json").read_text()))
    values = json.loads((evidence.path / "scores.json").read_text())
    return log_audit(
        version,
        {split: {**by_name, **sure[split]} for split, by_name in values.items()},
        json.loads((attacks.path / "attacks.json").read_text()),
    )
