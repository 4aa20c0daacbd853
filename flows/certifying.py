"""A signed certificate for every request that has been promoted."""

from collections.abc import Sequence
from typing import Any, Literal

from prefect import flow
from pydantic import Field

from tasks import ledger
from tasks.answer import note_certificate, note_certificates, promoted, standing
from tasks.certify import FILE, PAGE, amended, certified
from tasks.core.record import Record, recorded
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
        note_certificates(one.id, issued[one.id])
    return issued


def amend(id: str, status: Literal["revoked", "erased"], remains: Sequence[str]) -> list[Record]:
    """What follows each certificate of a request that stands: it was ``revoked``, or ``erased``.

    Args:
        id: Of the request.
        status: What the certificates become.
        remains: What an erasure could not remove, a line each.

    Raises:
        CertificateError: one before cannot be read, or is of another key.
    """
    made = []
    for fingerprint in standing(id):
        before = recorded("certificate", fingerprint).path / FILE
        record = amended.fn(before, ledger.find(id), ledger.head(), status, remains)
        note_certificate(id, record.fingerprint, status, fingerprint)
        made.append(record)
    return made


def summary(issued: dict[str, list[Record]]) -> dict[str, Any]:
    """Where the page of each certificate is, by request."""
    return {id: [str(record.path / PAGE) for record in records] for id, records in issued.items()}
