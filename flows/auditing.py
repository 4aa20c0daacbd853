"""Measure and attack a registered model version on its own data; trains nothing."""

import json
from typing import Any

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from tasks.attack import AttackConfig, attack
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.evaluate import EvaluateConfig, evaluate
from tasks.fetch import fetch
from tasks.record_audit import record_audit


class Audit(BaseModel):
    """What a version was found to be."""

    model_config = ConfigDict(frozen=True)
    version: str
    evidence: Record
    attacks: Record
    run_id: str


class AuditConfig(Section):
    """Which version is looked at, and how."""

    version: str = Field(
        default="lethe-demo@candidate", description="lethe-name@alias or lethe-name/number"
    )
    evaluate: EvaluateConfig = EvaluateConfig()
    attack: AttackConfig = AttackConfig()


@flow(flow_run_name="{config.version}")
def auditing(config: AuditConfig) -> Audit:
    """Evaluate any registered version again, from the registry alone.

    Args:
        config: Which version is looked at, and how.
    """
    model, data = fetch(config.version)
    evidence = evaluate(model, data, config.evaluate)
    attacks = attack(evidence, config.attack)
    run_id = record_audit(config.version, evidence, attacks)
    return Audit(version=config.version, evidence=evidence, attacks=attacks, run_id=run_id)


def summary(audit: Audit) -> dict[str, Any]:
    """The audit as one JSON object."""
    return {
        "version": audit.version,
        "scores": json.loads((audit.evidence.path / "scores.json").read_text()),
        "intervals": json.loads((audit.evidence.path / "intervals.json").read_text()),
        "attacks": json.loads((audit.attacks.path / "attacks.json").read_text()),
        "run_id": audit.run_id,
    }
