"""Steps: deletion requests are gathered, decided, claimed and answered; the ledger knows each."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from prefect import task

from tasks import ledger
from tasks.core.errors import BusyError, ConfigError
from tasks.core.lock import held
from tasks.core.record import Record
from tasks.core.settings import Settings
from tasks.requests.chain import Value
from tasks.requests.deletion import Deletion, Status
from tasks.requests.plan import Portion

WAITING: tuple[Status, ...] = ("received", "planned", "approved")
DIED = "the run that had it ended unanswered"
ISSUED = "certificate.issued"
log = logging.getLogger(__name__)


@contextmanager
def alone() -> Iterator[None]:
    """One run that answers requests at a time on this machine: what is running has none, is stale.

    Raises:
        BusyError: another is at it.
    """
    with _answering(Settings().wait_seconds):
        yield


@task
def put_back(ids: Sequence[str]) -> list[str]:
    """Requests whose run died wait to be taken up again; those that were put back.

    None while a run on this machine answers requests, for that has put them back itself.
    """
    done = list[str]()
    with suppress(BusyError), _answering(0):
        for id in ids:
            if ledger.find(id).status == "running":
                ledger.move(id, "approved", ledger.OWN, DIED)
                done.append(id)
    return done


@task(persist_result=True, result_serializer="json")
def gather(model: str, ids: Sequence[str]) -> list[str]:
    """The requests that wait for ``model``: those of ``ids``, or all where none is named.

    Its result is kept, so that a run that was suspended goes on with what was put before the
    person, and not with what came meanwhile.

    Raises:
        ConfigError: one that is named does not concern the model, or does not wait.
    """
    for one in ledger.listed():
        if one.status == "running" and _concerns(one, model):
            ledger.move(one.id, "approved", ledger.OWN, DIED)
    if not ids:
        return [one.id for one in ledger.listed() if _waits(one, model)]
    for one in map(ledger.find, ids):
        if not _waits(one, model):
            raise ConfigError(
                f"{one.id} is {one.status} and concerns {', '.join(one.models)}: it does not wait "
                f"for {model}; see lethe request show {one.id}"
            )
    return list(dict.fromkeys(ids))


@task
def decide(ids: Sequence[str], to: Status, by: str, why: str) -> None:
    """What a person decided, of those requests that are not decided yet.

    Raises:
        ConfigError: ``by`` may not approve.
    """
    for id in ids:
        if ledger.find(id).status == "planned":
            ledger.move(id, to, by, why)


@task
def approved(portions: Sequence[Portion]) -> list[Portion]:
    """Those whose request a person has approved."""
    return [one for one in portions if ledger.find(one.id).status == "approved"]


@contextmanager
def claimed(portions: Sequence[Portion], run: str) -> Iterator[None]:
    """Take the approved requests; what is not answered when the context ends is put back.

    Raises:
        BusyError: one of them was taken by another run.
    """
    ids = [one.id for one in portions]
    ledger.claim(ids, ledger.OWN, run)
    try:
        yield
    finally:
        for id in ids:
            if ledger.find(id).status == "running":
                ledger.move(id, "approved", ledger.OWN, "the run ended without an answer")


@task
def answer(ids: Sequence[str], model: str, event: str, version: str) -> None:
    """Note that ``version`` answers requests; each is verified once all its models have one."""
    ledger.note_event(ids, model, event, version)
    for one in map(ledger.find, ids):
        whole = {answered.model for answered in one.events} >= set(one.models)
        to: Status = "verified" if whole else "approved"
        ledger.move(one.id, to, ledger.OWN, version)


@task
def give_up(ids: Sequence[str], event: str) -> None:
    """Nothing that was tried passes the gate: what is tried next needs a new approval."""
    for id in ids:
        ledger.move(id, "planned", ledger.OWN, f"no try passes the gate; the last is {event}")


@task
def promoted(ids: Sequence[str]) -> list[Deletion]:
    """The requests whose versions were promoted and that have no certificate yet.

    Raises:
        ConfigError: one that is named was not promoted.
    """
    if not ids:
        return [one for one in ledger.listed() if one.status == "promoted"]
    for one in (found := [ledger.find(id) for id in ids]):
        if one.status not in ("promoted", "certified"):
            raise ConfigError(
                f"{one.id} is {one.status}: a certificate is issued once its version was promoted"
            )
    return found


@task
def note_certificates(id: str, issued: Sequence[Record]) -> None:
    """Note that a request has its certificates; once, however often they are issued."""
    for record in issued:
        note_certificate(id, record.fingerprint, "issued", "")
    if ledger.find(id).status == "promoted":
        ledger.move(id, "certified", ledger.OWN, f"{len(issued)} certificates")


def note_certificate(id: str, certificate: str, status: str, follows: str) -> None:
    """Put a certificate in the log, once, with the one that it ``follows``; empty: with none."""
    said = {"certificate": certificate, "status": status, "follows": follows}
    if said not in _noted(id):
        ledger.log(ISSUED, id, ledger.OWN, said)


def standing(id: str) -> list[str]:
    """The fingerprints of a request's certificates that were issued and not amended since."""
    noted = _noted(id)
    amended = {said["follows"] for said in noted}
    issued = [said["certificate"] for said in noted if said["status"] == "issued"]
    return [str(one) for one in issued if one not in amended]


def _noted(id: str) -> list[Mapping[str, Value]]:
    """What the log says of the certificates of a request, in order."""
    return [
        entry.details for entry in ledger.entries() if entry.kind == ISSUED and entry.subject == id
    ]


@task
def make_champion(model: str, version: str) -> None:
    """Say that the adopted version is the champion; once, however often it is run.

    Raises:
        BusyError: there is another champion.
    """
    try:
        ledger.advance(model, "", version, ledger.OWN)
    except BusyError:
        if ledger.champion(model) != version:
            raise


@contextmanager
def _answering(wait_seconds: float) -> Iterator[None]:
    with held(Settings().root / "deletion" / "answering.lock", wait_seconds):
        yield


def _concerns(one: Deletion, model: str) -> bool:
    return model in one.models and model not in {answered.model for answered in one.events}


def _waits(one: Deletion, model: str) -> bool:
    return one.status in WAITING and _concerns(one, model)
