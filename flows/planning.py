"""Where a run goes on from, and the plan of a request that is in the ledger."""

from flows.config import RunConfig
from tasks import ledger
from tasks.core.errors import ConfigError
from tasks.core.history import History
from tasks.core.variants import nearest
from tasks.curate import curate
from tasks.fetch import fetch_history
from tasks.plan import planned as resolved
from tasks.requests.deletion import Deletion
from tasks.requests.plan import Plan
from tasks.requests.request import LISTS, Request


def continued(run: RunConfig) -> RunConfig:
    """The run from where its champion stands; as it is where there is none yet."""
    champion = ledger.champion(run.registered)
    history = fetch_history(champion) if champion else History()
    splits = run.splits.model_copy(update={"history": history})
    return run.model_copy(update={"champion": champion, "splits": splits})


def planned(id: str, config: RunConfig) -> Plan:
    """What the request would take, add and leave; one that was only received is planned then.

    Raises:
        ConfigError: it does not concern the model of ``config``, was forgotten, or has no plan.
    """
    deletion = ledger.find(id)
    _refuse(deletion, config.registered)
    try:
        corpus = curate.fn(config.source, config.curation)
        plan = resolved(corpus, deletion.request, continued(config).splits)
    except ConfigError as error:
        raise ConfigError(f"{id}: {_without(str(error), deletion.request)}") from None
    if deletion.status == "received":
        ledger.move(id, "planned", ledger.OWN)
    parts = {part: len(getattr(plan, part)) for part in ("matched", "added", "left")}
    ledger.log("request.resolved", id, ledger.OWN, parts | {"tokens": plan.tokens})
    return plan


def _refuse(deletion: Deletion, model: str) -> None:
    if model not in deletion.models:
        raise ConfigError(
            f"{deletion.id} does not concern {model}{nearest(model, deletion.models)}; "
            "set name= or params= to the run of a model that it concerns"
        )
    if deletion.request == Request():
        raise ConfigError(f"{deletion.id} is {deletion.status}: what it selected is forgotten")


def _without(said: str, request: Request) -> str:
    """``said`` without what the request selects, nor what it may have meant by it."""
    said = said.partition("; did you mean")[0]
    for name in LISTS:
        for entry in getattr(request, name):
            said = said.replace(repr(entry), "(not shown)")
    return said
