"""On SQLite; ``tests/stack/test_ledger_served.py`` does most of it again on PostgreSQL."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tasks import ledger
from tasks.core.errors import BusyError, ConfigError, RegistryError
from tasks.core.settings import PROJECT
from tasks.requests import chain
from tasks.requests.deletion import FORGOTTEN, Draft
from tasks.requests.request import Request

RACERS = 8
LIFE = ("planned", "approved", "running", "verified", "promoted", "certified")


def draft(number=42, **changed):
    whole = {
        "asked_by": f"subject-{number}",
        "ground": "objection",
        "received": datetime.now(UTC),
        "request": Request(authors=("Marta Quill",)),
    }
    return Draft(**(whole | changed))


def moved(one, *statuses):
    for status in statuses:
        one = ledger.move(one.id, status, "officer-7", "as agreed")
    return one


def kinds():
    return [entry.kind for entry in ledger.entries()]


def altered(artifacts, *statements):
    with sqlite3.connect(artifacts / "ledger.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def raced(code):
    """What each of eight processes prints that run ``code`` at once."""
    start = f"import sys; from tasks import ledger\nprint('ready', flush=True); input()\n{code}"
    command = [sys.executable, "-c", start]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": PROJECT}
    racers = [subprocess.Popen(command, **pipes) for _ in range(RACERS)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=120)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS
    return answers


def test_what_was_added_is_found_as_it_was_asked():
    asked = draft()
    one = ledger.add(asked)
    assert ledger.find(one.id) == one
    assert one.request == asked.request
    assert (one.due, one.status, one.run) == (asked.due, "received", "")
    assert [move.status for move in one.moves] == ["received"]


def test_the_same_request_twice_is_one():
    one = ledger.add(draft())
    moved(one, "planned")
    again = ledger.add(draft())
    assert (again.id, again.status) == (one.id, "planned")
    assert len(ledger.listed()) == 1
    assert kinds() == ["request.received", "request.moved"]


def test_two_ledgers_give_the_same_request_two_ids(monkeypatch, tmp_path):
    asked = draft()
    one = ledger.add(asked)
    monkeypatch.setenv("LETHE_LEDGER", f"sqlite:///{tmp_path / 'other.db'}")
    assert ledger.add(asked).id != one.id


def test_a_request_that_is_overdue_before_it_is_there_is_refused():
    with pytest.raises(ConfigError, match="is past"):
        ledger.add(draft(received=datetime.now(UTC) - timedelta(days=31)))
    assert ledger.listed() == []
    assert ledger.entries() == []


def test_what_is_overdue_comes_first_then_what_is_due_next_then_what_is_closed(artifacts):
    now = datetime.now(UTC)
    later, sooner, closed, late = (
        ledger.add(draft(number, due=now + timedelta(days=days)))
        for number, days in enumerate((9, 3, 1, 20))
    )
    moved(closed, "rejected")
    past = (now - timedelta(days=1)).isoformat()
    received = (now - timedelta(days=2)).isoformat()
    altered(
        artifacts,
        f"UPDATE lethe_deletions SET due = '{past}', received = '{received}' "
        f"WHERE id = '{late.id}'",
    )
    order = [one.id for one in ledger.listed()]
    assert order == [late.id, sooner.id, later.id, closed.id]


def test_a_request_that_is_not_there_is_answered_with_what_is():
    with pytest.raises(ConfigError, match="there are none yet"):
        ledger.find("r-0123456789ab")
    one = ledger.add(draft())
    for id in ("r-0123456789ab", "../../etc/passwd", f"{one.id}\n", "r-%"):
        with pytest.raises(ConfigError, match=one.id) as caught:
            ledger.find(id)
        assert str(caught.value).isprintable()


def test_every_move_says_who_and_when_and_is_in_the_log():
    one = moved(ledger.add(draft()), *LIFE)
    assert [move.status for move in one.moves] == ["received", *LIFE]
    assert {move.by for move in one.moves[1:]} == {"officer-7"}
    assert sorted(move.at for move in one.moves) == [move.at for move in one.moves]
    logged = [entry.details["to"] for entry in ledger.entries()[1:]]
    assert logged == list(LIFE)


def test_a_move_that_is_not_allowed_names_those_that_are():
    one = ledger.add(draft())
    with pytest.raises(ConfigError, match="is received: it can become planned or rejected, not ap"):
        ledger.move(one.id, "approved", "officer-7")
    moved(one, "rejected")
    with pytest.raises(ConfigError, match="it can become nothing else"):
        ledger.move(one.id, "planned", "officer-7")
    assert kinds() == ["request.received", "request.moved"]


def test_a_move_by_a_name_changes_nothing():
    one = ledger.add(draft())
    with pytest.raises(ConfigError, match="by: must be a reference"):
        ledger.move(one.id, "planned", "Jane Austen")
    assert ledger.find(one.id) == one


def test_a_second_approval_hears_of_the_first():
    one = moved(ledger.add(draft()), "planned", "approved")
    with pytest.raises(BusyError, match=r"was approved already, by officer-7 on 20"):
        ledger.move(one.id, "approved", "officer-8")


def test_only_those_who_may_approve_do(monkeypatch):
    monkeypatch.setenv("LETHE_APPROVERS", "officer-7, officer-9")
    one = moved(ledger.add(draft()), "planned")
    with pytest.raises(ConfigError, match="'officer-8': may not approve"):
        ledger.move(one.id, "approved", "officer-8")
    assert ledger.move(one.id, "approved", "officer-9").status == "approved"


def test_a_batch_is_claimed_whole_or_not_at_all():
    ready = [moved(ledger.add(draft(number)), "planned", "approved") for number in range(3)]
    ids = [one.id for one in ready]
    ledger.claim(ids[1:2], "lethe", "run-1")
    with pytest.raises(BusyError, match=f"{ids[1]} was taken by run run-1"):
        ledger.claim(ids, "lethe", "run-2")
    assert [ledger.find(id).status for id in ids] == ["approved", "running", "approved"]
    assert [ledger.find(id).run for id in ids] == ["", "run-1", ""]


def test_a_run_that_asks_again_has_what_it_holds_and_a_request_lets_go_of_a_run_that_died():
    one = moved(ledger.add(draft()), "planned", "approved")
    (held,) = ledger.claim([one.id], "lethe", "run-1")
    assert ledger.claim([one.id], "lethe", "run-1") == [held]
    assert moved(held, "approved").run == ""
    assert ledger.claim([one.id], "lethe", "run-2")[0].run == "run-2"


def test_what_was_not_approved_cannot_be_claimed():
    one = moved(ledger.add(draft()), "planned")
    with pytest.raises(ConfigError, match="it can become planned or approved or rejected"):
        ledger.claim([one.id], "lethe", "run-1")


def test_of_eight_processes_one_has_the_request_and_the_champion():
    one = moved(ledger.add(draft()), "planned", "approved")
    answers = raced(f"""
from tasks.core.errors import BusyError
import os
me = f"run-{{os.getpid()}}"
def won(act):
    try:
        act()
    except BusyError:
        return False
    return True
print(won(lambda: ledger.claim(["{one.id}"], "lethe", me)), me,
      won(lambda: ledger.advance("lethe-demo", "", me, "officer-7")))
""")
    claims = [answer.split() for answer in answers]
    (winner,) = [run for won, run, _ in claims if won == "True"]
    (promoted,) = [run for _, run, won in claims if won == "True"]
    assert ledger.find(one.id).run == winner
    assert ledger.champion("lethe-demo") == promoted
    assert kinds()[3:] in (
        ["request.moved", "champion.moved"],
        ["champion.moved", "request.moved"],
    )


def test_eight_processes_that_come_first_make_one_ledger_with_one_whole_log():
    raced("for i in range(5): ledger.log('model.audited', 'lethe-demo', 'lethe', {'turn': i})")
    assert [entry.number for entry in ledger.entries()] == list(range(1, 5 * RACERS + 1))
    assert ledger.broken() == ""


def test_which_version_answered_is_kept_for_each_model_and_the_last_word_stands():
    one = ledger.add(draft(models=("lethe-a", "lethe-b")))
    for model, version in (("lethe-b", "1"), ("lethe-a", "7"), ("lethe-a", "8")):
        ledger.note_event([one.id], model, "e" * 16, version)
    answers = ledger.find(one.id).events
    assert [(one.model, one.version) for one in answers] == [("lethe-a", "8"), ("lethe-b", "1")]
    with pytest.raises(ConfigError, match=r"does not concern lethe-c; .*lethe-"):
        ledger.note_event([one.id], "lethe-c", "e", "1")


def test_a_champion_moves_only_from_what_it_is():
    assert ledger.champion("lethe-demo") == ""
    ledger.advance("lethe-demo", "", "3", "officer-7")
    with pytest.raises(BusyError, match="champion of lethe-demo is now 3, not 2"):
        ledger.advance("lethe-demo", "2", "4", "officer-7")
    ledger.advance("lethe-demo", "3", "4", "officer-7")
    assert ledger.champion("lethe-demo") == "4"
    assert ledger.champion("lethe-other") == ""


def test_what_is_forgotten_is_in_no_byte_of_the_folder(artifacts):
    secret = "It is a truth universally acknowledged"
    asked = Request(authors=("Marta Quill",), passages=(secret * 3000,))
    kept = ledger.add(draft(1, request=Request(authors=("Somebody Else",))))
    one = moved(ledger.add(draft(request=asked)), *LIFE)
    assert any(secret.encode() in path.read_bytes() for path in artifacts.iterdir())
    gone = ledger.forget(one.id, "officer-7")
    assert (gone.status, gone.asked_by, gone.request) == ("erased", FORGOTTEN, Request())
    for text in (secret, "Marta", "subject-42", "as agreed"):
        assert not [path for path in artifacts.iterdir() if text.encode() in path.read_bytes()]
    assert ledger.find(kept.id) == kept
    assert ledger.broken() == ""


def test_forgetting_twice_is_forgetting_once():
    one = moved(ledger.add(draft()), *LIFE)
    gone = ledger.forget(one.id, "officer-7")
    logged = ledger.entries()
    assert ledger.forget(one.id, "officer-8") == gone
    assert ledger.entries() == logged


def test_what_was_forgotten_is_known_when_it_is_asked_again():
    one = moved(ledger.add(draft()), *LIFE)
    ledger.forget(one.id, "officer-7")
    assert (again := ledger.add(draft())).id == one.id
    assert again.request == Request()


def test_a_rejected_request_can_be_forgotten_and_one_under_way_cannot():
    one, other = ledger.add(draft(1)), ledger.add(draft(2))
    moved(one, "rejected")
    assert ledger.forget(one.id, "officer-7").status == "rejected"
    assert ledger.find(one.id).asked_by == FORGOTTEN
    with pytest.raises(ConfigError, match="is received: only what is certified or rejected"):
        ledger.forget(other.id, "officer-7")


def test_no_entry_of_the_log_tells_who_asked_or_for_what():
    one = moved(ledger.add(draft()), *LIFE)
    ledger.forget(one.id, "officer-7")
    text = json.dumps([entry.model_dump(mode="json") for entry in ledger.entries()])
    assert "Marta" not in text
    assert "subject" not in text.replace('"subject":', "")


def test_numbers_and_truth_come_back_from_the_log_as_they_were():
    told = {"count": 3, "share": 1.0, "small": 1e-300, "whole": True, "name": "1", "large": 2**70}
    ledger.log("model.audited", "lethe-demo", "lethe", told)
    (entry,) = ledger.entries()
    assert entry.details == told
    assert {name: type(value) for name, value in entry.details.items()} == {
        name: type(value) for name, value in told.items()
    }
    assert ledger.broken() == ""


def test_a_log_entry_out_of_form_is_refused_and_leaves_nothing():
    with pytest.raises(ConfigError, match="kind"):
        ledger.log("Audited", "lethe-demo", "lethe", {})
    with pytest.raises(ConfigError, match="details"):
        ledger.log("model.audited", "lethe-demo", "lethe", {"share": float("nan")})
    assert ledger.entries() == []
    assert ledger.head() == chain.Head(0, chain.START)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE lethe_chain SET by = 'officer-8' WHERE number = 3", "entry 3 was changed"),
        ("DELETE FROM lethe_chain WHERE number = 3", "entry 3 is missing before entry 4"),
        ("DELETE FROM lethe_chain WHERE number > 3", "entries 4 to 5 are missing: the end was cut"),
        ("DELETE FROM lethe_chain", "entries 1 to 5 are missing: the end was cut off"),
        (
            "UPDATE lethe_chain SET number = CASE number WHEN 2 THEN -3 ELSE -2 END "
            "WHERE number IN (2, 3); UPDATE lethe_chain SET number = -number WHERE number < 0",
            "entry 2 was changed",
        ),
        ("UPDATE lethe_deletions SET status = 'certified'", "was changed past the log"),
        ("UPDATE lethe_champions SET version = '9'", "lethe-demo is 9, and the log left it 3"),
        ("DELETE FROM lethe_champions", "lethe-demo is gone"),
    ],
)
def test_what_is_done_behind_the_ledgers_back_is_found(artifacts, statement, said):
    moved(ledger.add(draft()), "planned", "approved")
    ledger.advance("lethe-demo", "", "3", "officer-7")
    ledger.log("model.audited", "lethe-demo", "lethe", {"regressed": False})
    assert ledger.broken() == ""
    altered(artifacts, *statement.split("; "))
    assert said in ledger.broken()


def test_a_log_cut_off_with_the_heads_beside_it_is_found_by_a_head_kept_elsewhere(artifacts):
    moved(ledger.add(draft()), "planned")
    kept = ledger.head()
    altered(artifacts, "DELETE FROM lethe_chain", "DELETE FROM lethe_deletions")
    (artifacts / "ledger.heads").unlink()
    assert ledger.broken() == ""
    assert "entries 1 to 2 are missing" in ledger.broken([kept])


def test_an_entry_that_cannot_be_read_is_one_line(artifacts):
    ledger.log("model.audited", "lethe-demo", "lethe", {})
    altered(artifacts, "UPDATE lethe_chain SET details = '{'")
    with pytest.raises(RegistryError, match="entry 1 of the log was changed"):
        ledger.broken()


def test_a_request_with_ten_thousand_ids_and_one_with_five_megabytes_come_back_whole():
    ids = tuple(f"../{number}\u202e<b>" for number in range(10_000))
    asked = Request(doc_ids=ids, passages=("\x00 long \u200b" * 500_000,))
    one = ledger.add(draft(request=asked))
    assert ledger.find(one.id).request == asked


def test_an_answer_that_is_taken_back_is_logged_once():
    id = ledger.add(draft()).id
    ledger.note_event([id], "lethe-demo", "event", "lethe-demo/3")
    ledger.retract(id, "lethe-demo", "officer-7")
    ledger.retract(id, "lethe-demo", "officer-7")
    assert ledger.find(id).events == ()
    assert kinds()[-2:] == ["request.answered", "request.retracted"]
    assert ledger.broken() == ""
