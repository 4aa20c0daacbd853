"""Every night: is what was ever forgotten still forgotten by the model that serves?"""

import math
from collections.abc import Mapping
from typing import Any, Literal

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from flows.reconciling import ReconcileConfig, Reconciled, reconciled
from tasks.alarm import Heard, alarm
from tasks.attack import AttackConfig, attack
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.evaluate import EvaluateConfig, evaluate
from tasks.fetch import fetch_data, fetch_weights
from tasks.hold import Checked, hold
from tasks.quantise import quantise
from tasks.recognise import RecogniseConfig, Recognised, recognise
from tasks.remind import Due, remind
from tasks.requests.deletion import ModelName
from tasks.trace import Past, Traced, trace
from tasks.training.rounding import Format
from tasks.training.trials import Quantise


class NightlyConfig(Section):
    """Which model is looked at, as it is deployed, and who is reminded when."""

    model: ModelName = Field(default="lethe-demo", description="registered model, lethe-NAME")
    precision: Literal["float32"] | Format = Field(
        default="float32", description="of the weights, as they are deployed"
    )
    recognise: RecogniseConfig = RecogniseConfig()
    due_days: int = Field(
        default=7, ge=0, le=365, description="days before a request is due that it is called out"
    )
    stuck_hours: float = Field(
        default=24, gt=0, le=24 * 90, description="a flow run that runs for longer is named"
    )


class Night(BaseModel):
    """What was found."""

    model_config = ConfigDict(frozen=True)
    champion: str
    """Empty where none serves yet: nothing was audited."""
    run_id: str
    """Of the MLflow run with the figures; empty where nothing was audited."""
    checked: tuple[Checked | Recognised, ...]
    due: tuple[Due, ...]
    reconciled: Reconciled


@flow(name="auditing", flow_run_name="nightly-{config.model}")
def nightly(config: NightlyConfig) -> Night:
    """Test every text ever forgotten against the model that serves, in its deployed precision.

    Where the text is still there, the model reads it; where it is erased, what the model writes is
    searched for it. Before that, what dead runs left is settled, and due requests are called out.

    Args:
        config: Which model is looked at, as it is deployed, and who is reminded when.

    Raises:
        AuditError: something forgotten may be known again, or what serves is not what was promoted.
    """
    left = reconciled(ReconcileConfig(model=config.model, stuck_hours=config.stuck_hours))
    due = remind(config.due_days)
    traced = trace(config.model)
    checked = _checked(traced, config) if traced.champion else []
    run_id = _concluded(traced, checked, config) if traced.champion else ""
    return Night(
        champion=traced.champion,
        run_id=run_id,
        checked=tuple(checked),
        due=tuple(due),
        reconciled=left,
    )


def _checked(traced: Traced, config: NightlyConfig) -> list[Checked | Recognised]:
    model = _deployed(fetch_weights(traced.champion), config)
    erased = [past.version for past in traced.pasts if past.erased]
    return [
        *(_read(past, model) for past in traced.pasts if not past.erased),
        *recognise(erased, model, config.recognise),
    ]


def _deployed(model: Record, config: NightlyConfig) -> Record:
    if config.precision == "float32":
        return model
    return quantise(model, Quantise(weights=config.precision))


def _read(past: Past, model: Record) -> Checked:
    """The event's documents measured and attacked as they were when its gate judged."""
    data = fetch_data(past.version)
    evidence = evaluate(model, data, EvaluateConfig.model_validate(past.config["evaluate"]))
    attacks = attack(evidence, AttackConfig.model_validate(past.config["attack"]))
    return hold(past.version, past.reasons, evidence, attacks)


def _concluded(traced: Traced, checked: list[Checked | Recognised], config: NightlyConfig) -> str:
    findings = [*traced.findings, *(found for one in checked for found in one.findings)]
    heard = [Heard(one.version, one.figures) for one in checked]
    return alarm(config.model, traced.champion, config.precision, heard, findings)


def summary(night: Night) -> dict[str, Any]:
    """The same as one JSON object; what could not be measured is null."""
    told: dict[str, Any] = _finite(night.model_dump(mode="python"))
    return told


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
