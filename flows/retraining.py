"""The last resort: the model made again without what must be forgotten."""

from prefect import flow

from flows.baselines import known_and_never_known
from flows.config import RunConfig
from flows.outcome import Outcome
from flows.unlearning import concluded
from tasks.core.errors import ConfigError
from tasks.curate import curate
from tasks.prepare import prepare
from tasks.validate import validate


@flow(flow_run_name="{config.name}")
def retraining(config: RunConfig) -> Outcome:
    """One event whose model never saw the forget set, judged and registered like any other.

    Args:
        config: What to forget and from which model; how it would be unlearned is not read.

    Raises:
        ConfigError: the model came from elsewhere and cannot be made again here.
    """
    if "retrained" not in config.model.roles:
        raise ConfigError(
            f"model.path={config.model.path}: a model from elsewhere cannot be retrained here; "
            "take retrain out of the escalation"
        )
    corpus = curate(config.source, config.curation)
    data = prepare(corpus, config.source, config.curation, config.request, config.splits)
    validation = validate(data, config.expectations)
    models = known_and_never_known(data, config.model, config.champion)
    models["unlearned"] = models["retrained"]
    return concluded(config, data, validation, models, exact=True)
