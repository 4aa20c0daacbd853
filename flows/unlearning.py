"""The papers, top to bottom: make a model forget what a request names, and show that it did."""

from prefect import flow

from flows.baselines import known_and_never_known
from flows.config import RunConfig
from flows.outcome import Outcome
from tasks.attack import attack
from tasks.compare import compare
from tasks.core.event import Event, Role
from tasks.core.record import Record
from tasks.curate import curate
from tasks.evaluate import evaluate
from tasks.prepare import prepare
from tasks.register import register
from tasks.report import report
from tasks.sketch import sketch
from tasks.training.model import pinned
from tasks.unlearn import unlearn
from tasks.validate import knows, validate


@flow(flow_run_name="{config.name}")
def unlearning(config: RunConfig) -> Outcome:
    """One unlearning event, from the corpora to a registered model version.

    Args:
        config: What to forget, from which model, how, and how it is judged.
    """
    pinned(config.model)
    corpus = curate(config.source, config.curation)
    data = prepare(corpus, config.source, config.curation, config.request, config.splits)
    validation = validate(data, config.expectations)
    models = known_and_never_known(data, config.model, config.champion)
    knows(evaluate(models["target"], data, config.evaluate), config.expectations)
    models["unlearned"] = unlearn(models["target"], data, config.unlearn)
    return concluded(config, data, validation, models, exact=False)


def concluded(
    config: RunConfig, data: Record, validation: Record, models: dict[Role, Record], *, exact: bool
) -> Outcome:
    """The models measured, attacked, judged, reported and registered."""
    evidence = {role: evaluate(model, data, config.evaluate) for role, model in models.items()}
    attacks = {role: attack(seen, config.attack) for role, seen in evidence.items()}
    event = Event(
        name=config.name,
        champion=config.champion,
        requests=tuple(portion.model_dump(mode="json") for portion in config.requests),
        exact=exact,
        history=config.splits.history,
        config=config.redacted(),
        data=data,
        validation=validation,
        models=models,
        evidence=evidence,
        attacks=attacks,
        verdict=compare(evidence, attacks, models, config.gate),
        kept=sketch(data, models["target"], evidence),
    )
    page = report(event)
    return Outcome(event=event, report=page, registration=register(event, page))
