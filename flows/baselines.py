"""The target model, and the retrained model it is judged against."""

from prefect import flow

from flows.config import RunConfig
from tasks.core.event import Role
from tasks.core.record import Record
from tasks.curate import curate
from tasks.fetch import fetch_weights
from tasks.prepare import prepare
from tasks.train import retrain, train
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
    return known_and_never_known(data, config.model, config.champion)


def known_and_never_known(data: Record, model: ModelConfig, champion: str) -> dict[Role, Record]:
    """The target and, where it was trained here, the same model without the forget set.

    The target is the ``champion``, a registered version, where there is one: it is the model that
    forgot what was asked for before.
    """
    if not champion:
        return {role: train(data, model, role) for role in model.roles}
    given = model.model_copy(update={"path": str(fetch_weights(champion).path)})
    models: dict[Role, Record] = {"target": train(data, given, "target")}
    if "retrained" in model.roles:
        models["retrained"] = retrain(data, model, models["target"])
    return models
