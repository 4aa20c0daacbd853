"""What runs that died have left, found and settled."""

from typing import Any

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from tasks.answer import put_back
from tasks.core.variants import Section
from tasks.reconcile import settled, stale, stuck
from tasks.requests.deletion import ModelName


class Reconciled(BaseModel):
    """What was found, and what was done about it."""

    model_config = ConfigDict(frozen=True)
    put_back: tuple[str, ...]
    """Requests that a run had when it died: approved again, the next run takes them up."""
    settled: tuple[str, ...]
    """MLflow runs of registrations that were killed: finished, or removed with all they left."""
    stuck: tuple[str, ...]
    """Flow runs that have been running for long; left as they are, look at them."""


class ReconcileConfig(Section):
    """What is looked through."""

    model: ModelName = Field(default="lethe-demo", description="registered model, lethe-NAME")
    stuck_hours: float = Field(
        default=24, gt=0, le=24 * 90, description="a flow run that runs for longer is named"
    )


@flow(flow_run_name="{config.model}")
def reconciling(config: ReconcileConfig) -> Reconciled:
    """Put back requests, finish or remove registrations and name runs that died at their work.

    Args:
        config: What is looked through.
    """
    return reconciled(config)


def reconciled(config: ReconcileConfig) -> Reconciled:
    """The same inside another flow."""
    return Reconciled(
        put_back=tuple(put_back(stale())),
        settled=tuple(settled(config.model)),
        stuck=tuple(stuck(config.stuck_hours)),
    )


def summary(found: Reconciled) -> dict[str, Any]:
    """The same as one JSON object."""
    return found.model_dump(mode="json")
