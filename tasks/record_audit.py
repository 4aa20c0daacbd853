"""Step: write down what an audit found, beside the version it looked at."""

import json

from prefect import task

from tasks.core.record import Record
from tasks.registry import log_audit


@task
def record_audit(version: str, evidence: Record, attacks: Record) -> str:
    """The MLflow run that holds the audit's figures."""
    return log_audit(
        version,
        json.loads((evidence.path / "scores.json").read_text()),
        json.loads((attacks.path / "attacks.json").read_text()),
    )
