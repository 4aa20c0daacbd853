"""A signed certificate for every request that has been promoted."""

from typing import Any

from prefect import flow
from pydantic import Field

from tasks import ledger
from tasks.answer import certificates, promoted
from tasks.certify import PAGE, certified
from tasks.core.record import Record
from tasks.core.variants import Section


class CertifyConfig(Section):
    """Whom a certificate is for."""

    requests: tuple[str, ...] = Field(
        default=(), description="ids of requests; empty: all that were promoted"
    )


@flow(flow_run_name="certificates")
def certifying(config: CertifyConfig) -> dict[str, list[Record]]:
    """A certificate for each request and each model that answers it, by the request's id.

    Args:
        config: Whom a certificate is for.
    """
    issued: dict[str, list[Record]] = {}
    for one in promoted(config.requests):
        head = ledger.head()
        issued[one.id] = [certified(one, answer.version, head) for answer in one.events]
        certificates(one.id, issued[one.id])
    return issued


def summary(issued: dict[str, list[Record]]) -> dict[str, Any]:
    """Where the page of each certificate is, by request."""
    return {id: [str(record.path / PAGE) for record in records] for id, records in issued.items()}
