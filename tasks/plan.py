"""Step: what a deletion request takes of a corpus, put before whoever decides."""

import logging
from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from tasks import ledger
from tasks.core.errors import ConfigError
from tasks.core.record import Record
from tasks.data.splits import SplitsConfig
from tasks.requests.plan import Plan, Portion, portion
from tasks.requests.request import Request
from tasks.requests.resolve import resolve

log = logging.getLogger(__name__)


def planned(corpus: Record, request: Request, splits: SplitsConfig) -> Plan:
    """What a request would take, add and leave; nothing is split."""
    return resolve(request, corpus.path, splits.max_forget_share, splits.history)


@task
def plan(ids: Sequence[str], corpus: Record, splits: SplitsConfig) -> list[Portion]:
    """What each request takes; one that was only received counts as planned now.

    A request of which nothing can be taken is left where it is and does not hold up the others.
    Messages have its id alone, for the reason may name whom the request names; ``lethe request
    plan`` shows it to whoever asks.

    Raises:
        ConfigError: there are requests, and none of them can be planned.
    """
    portions, refused = list[Portion](), list[str]()
    for found in map(ledger.find, ids):
        try:
            taken = portion(found.id, planned(corpus, found.request, splits))
        except ConfigError:
            log.warning(
                "%s cannot be planned: `lethe request plan %s` says why", found.id, found.id
            )
            refused.append(found.id)
            continue
        if found.status == "received":
            ledger.move(found.id, "planned", ledger.OWN, f"{len(taken.forget)} documents")
        portions.append(taken)
    if refused and not portions:
        raise ConfigError(
            f"{', '.join(refused)} cannot be planned: `lethe request plan ID` says why; change "
            "the run, or reject the request"
        )
    return portions


@task
def present(model: str, portions: Sequence[Portion]) -> str:
    """The plans as a table for whoever decides; inside a flow run, also an artifact."""
    rows = [_row(one) for one in portions]
    head = [
        f"**{model}** is to forget what {len(rows)} requests ask for. Ids alone are shown here; "
        "`lethe request plan ID` shows the reasons.",
        "",
        "| request | ground | due | documents matched | added as copies | left | tokens |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    markdown = "\n".join([*head, *rows])
    if FlowRunContext.get():
        create_markdown_artifact(
            key=f"{model}-plan", markdown=markdown, description=f"what {model} is to forget"
        )
    return markdown


def _row(taken: Portion) -> str:
    asked = ledger.find(taken.id)
    parts = (taken.matched, taken.added, taken.left)
    counts = " | ".join(f"{len(part):,}" for part in parts)
    return f"| {taken.id} | {asked.ground} | {asked.due:%Y-%m-%d} | {counts} | {taken.tokens:,} |"
