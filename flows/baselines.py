"""The target model, and the retrained model it is judged against."""

from prefect import flow

from flows.config import RunConfig
from tasks.core.event import Role
from tasks.core.record import Record
from tasks.curate import curate
from tasks.prepare import prepare
from tasks.train import train
from tasks.training.model import ModelConfig, pinned
from tasks.validate import validate


@flow(flow_run_name="{config.name}")
def baselines(config: RunConfig) -> dict[Role, Record]:
    """Train or fetch the models that an unlearning event starts from.

    Args:
        config: The event; only its data and model sections are read.
    """
    pinned(config.model)
    corpus = curate(config.source, config.curation)
    data = prepare(corpus, config.source, config.curation, config.request, config.splits)
    validate(data, config.expectations)
    return known_and_never_known(data, config.model)


def known_and_never_known(data: Record, config: ModelConfig) -> dict[Role, Record]:
    """The target and, where it was trained here, the same model without the forget set."""
    return {role: train(data, config, role) for role in config.roles}
