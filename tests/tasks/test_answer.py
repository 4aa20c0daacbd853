"""Steps of a deletion, on a real ledger."""

from datetime import UTC, datetime

import pytest

from tasks import ledger
from tasks.answer import (
    DIED,
    alone,
    answer,
    approved,
    claimed,
    decide,
    gather,
    give_up,
    make_champion,
    note_certificates,
    promoted,
    put_back,
    standing,
)
from tasks.core.errors import BusyError, ConfigError
from tasks.core.record import Record
from tasks.requests.deletion import Draft
from tasks.requests.plan import Portion
from tasks.requests.request import Request

MODEL = "lethe-demo"


def asked(*statuses, models=(MODEL,), number=1):
    draft = Draft(
        asked_by=f"subject-{number}",
        ground="objection",
        received=datetime.now(UTC),
        request=Request(doc_ids=(f"books:{number}",)),
        models=models,
    )
    id = ledger.add(draft).id
    for status in statuses:
        ledger.move(id, status, "officer-7")
    return id


def portion(id):
    return Portion(id=id, matched=("books:1",), added=(), left=(), tokens=9)


def status(id):
    return ledger.find(id).status


def test_all_that_wait_are_gathered_unless_some_are_named():
    received, ready = asked(number=1), asked("planned", "approved", number=2)
    asked("rejected", number=3)
    asked(number=4, models=("lethe-other",))
    assert set(gather.fn(MODEL, [])) == {received, ready}
    assert gather.fn(MODEL, [ready, ready]) == [ready]


def test_what_does_not_wait_is_refused_by_its_id_and_status():
    rejected = asked("rejected")
    with pytest.raises(ConfigError, match=f"{rejected} is rejected .*does not wait for {MODEL}"):
        gather.fn(MODEL, [rejected])


def test_what_a_run_that_died_held_is_gathered_again():
    id = asked("planned", "approved")
    ledger.claim([id], ledger.OWN, "run-that-died")
    assert gather.fn(MODEL, []) == [id]
    assert ledger.find(id).moves[-1].note == DIED


def test_what_a_run_that_died_held_is_put_back_unless_another_is_at_it():
    id = asked("planned", "approved")
    ledger.claim([id], ledger.OWN, "run-that-died")
    with alone():
        assert put_back.fn([id]) == []
        assert status(id) == "running"
    assert put_back.fn([id]) == [id]
    assert status(id) == "approved"


def test_a_decision_moves_what_is_not_decided_and_only_that():
    open_one, decided = asked("planned", number=1), asked("planned", "approved", number=2)
    decide.fn([open_one, decided], "rejected", "officer-7", "not the author")
    assert (status(open_one), status(decided)) == ("rejected", "approved")
    assert approved.fn([portion(open_one), portion(decided)]) == [portion(decided)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_claimed_and_not_answered_is_put_back_however_the_run_ends(error):
    id = asked("planned", "approved")
    with pytest.raises(error), claimed([portion(id)], "run-1"):
        assert status(id) == "running"
        raise error
    assert status(id) == "approved"


def test_two_runs_cannot_claim_the_same():
    id = asked("planned", "approved")
    with claimed([portion(id)], "run-1"), pytest.raises(BusyError), claimed([portion(id)], "run-2"):
        pass


def test_a_request_is_verified_once_each_of_its_models_has_an_answer():
    id = asked("planned", "approved", models=("lethe-a", "lethe-b"))
    for model, then in (("lethe-a", "approved"), ("lethe-b", "verified")):
        with claimed([portion(id)], "run-1"):
            answer.fn([id], model, "event", f"{model}/1")
            assert status(id) == then
    assert [one.version for one in ledger.find(id).events] == ["lethe-a/1", "lethe-b/1"]


def test_what_nothing_passed_for_needs_a_new_approval():
    id = asked("planned", "approved")
    with claimed([portion(id)], "run-1"):
        give_up.fn([id], "event-9")
    assert status(id) == "planned"
    assert "event-9" in ledger.find(id).moves[-1].note


def test_a_first_champion_is_made_once_and_never_over_another():
    make_champion.fn(MODEL, f"{MODEL}/1")
    make_champion.fn(MODEL, f"{MODEL}/1")
    with pytest.raises(BusyError):
        make_champion.fn(MODEL, f"{MODEL}/2")
    assert ledger.champion(MODEL) == f"{MODEL}/1"


def test_certificates_are_for_what_was_promoted_and_are_noted_once(tmp_path):
    waiting = asked(number=1)
    with pytest.raises(ConfigError, match="a certificate is issued once its version was promoted"):
        promoted.fn([waiting])
    id = asked("planned", "approved", number=2)
    with claimed([portion(id)], "run-1"):
        answer.fn([id], MODEL, "event", f"{MODEL}/2")
    ledger.move(id, "promoted", ledger.OWN)
    assert [one.id for one in promoted.fn([])] == [id]
    record = Record(kind="certificate", fingerprint="c" * 12, path=tmp_path)
    for _ in range(2):
        note_certificates.fn(id, [record])
    assert status(id) == "certified"
    assert standing(id) == [record.fingerprint]
    assert [one.kind for one in ledger.entries()].count("certificate.issued") == 1
