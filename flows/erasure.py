"""A certified request erased: what Lethe put down of it is gone, and is kept from coming back."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from pydantic import Field

from flows.certifying import amend
from tasks.answer import alone
from tasks.core.variants import Section
from tasks.erase import custody, finish, mark, open_dossier, purge, renew
from tasks.requests.deletion import Reference
from tasks.requests.remains import Remains
from tasks.sweep import Swept, sweep


class ErasureConfig(Section):
    """Which request, and who has it erased."""

    request: str = Field(
        pattern=r"^r-[0-9a-f]{12}$", description="id of a certified request in the ledger"
    )
    by: Reference = Field(description="who does it, by a reference such as officer-7")


class SweepConfig(Section):
    """Who has due versions deleted."""

    by: Reference = Field(default="lethe-nightly", description="by a reference such as officer-7")


@flow(flow_run_name="erase {config.request}")
def erasure(config: ErasureConfig) -> Remains:
    """Everything that holds the forgotten text is purged; what remains is counted and certified.

    Args:
        config: Which request, and who has it erased.

    Raises:
        DataError: a place holds the text still; the request stays certified, run it again.
    """
    with alone():
        open_dossier(config.request)
        mark(config.request)
        custody(config.request, config.by)
        renew(config.request)
        purge(config.request, config.by)
        remains = finish(config.request, config.by)
        amend(config.request, "erased", remains.lines)
        return remains


@flow
def sweeping(config: SweepConfig) -> Swept:
    """Delete the revoked model versions whose grace has passed.

    Args:
        config: Who has it done.
    """
    with alone():
        return sweep(datetime.now(UTC), config.by)


def summary(remains: Remains) -> dict[str, Any]:
    """What remains, as one JSON object."""
    return {
        "request": remains.request,
        "remains": [one.model_dump(mode="json") for one in remains.remaining],
        "lines": list(remains.lines),
    }
