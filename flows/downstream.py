"""What forgetting cost in use: the same tasks for target, unlearned and retrained model."""

import json
from typing import Any

from prefect import flow

from flows.baselines import known_and_never_known
from flows.config import RunConfig
from tasks.core.record import Record
from tasks.curate import curate
from tasks.downstream import DownstreamConfig, contrast
from tasks.downstream import downstream as answered
from tasks.prepare import prepare
from tasks.training.model import pinned
from tasks.unlearn import unlearn
from tasks.validate import validate


class DownstreamRun(DownstreamConfig):
    """An unlearning event, and the tasks its models are given."""

    run: RunConfig = RunConfig()

    @property
    def asked(self) -> DownstreamConfig:
        """The tasks alone."""
        return DownstreamConfig(**self.model_dump(include={*DownstreamConfig.model_fields}))


@flow(flow_run_name="{config.run.name}")
def downstream(config: DownstreamRun) -> Record:
    """Every model of an event on every task; what was trained before is not trained again.

    Args:
        config: The event, and the tasks.
    """
    run = config.run
    pinned(run.model)
    corpus = curate(run.source, run.curation)
    data = prepare(corpus, run.source, run.curation, run.request, run.splits)
    validate(data, run.expectations)
    models = known_and_never_known(data, run.model, run.champion)
    models["unlearned"] = unlearn(models["target"], data, run.unlearn)
    answers = {role: answered(model, data, config.asked) for role, model in models.items()}
    return contrast(answers, config.asked)


def summary(record: Record) -> dict[str, Any]:
    """The tasks as rows, and where the table is."""
    return {
        "tasks": json.loads((record.path / "downstream.json").read_text()),
        "table": str(record.path / "table.md"),
        "fingerprint": record.fingerprint,
    }


def as_text(result: dict[str, Any]) -> str:
    """The table itself, and where it is kept."""
    with open(result["table"]) as table:
        return f"\n{table.read()}\n\nTable:    {result['table']}"
