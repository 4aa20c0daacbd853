"""``lethe request`` and ``lethe log`` as an officer meets them."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from tasks import ledger
from tasks.core.errors import BusyError, ConfigError, LetheError, RegistryError

PROJECT = Path(__file__).parents[2]
ASKED = ("--asked-by", "subject-0042", "--ground", "objection")


def lethe(*arguments, code=0):
    """Standard output; what we foresaw is raised as ``main`` would meet it."""
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, LetheError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def answered(*arguments, code=0):
    output = lethe(*arguments, "--json", code=code)
    assert output.count("\n") == 1
    return json.loads(output)


@pytest.fixture
def id():
    return answered("request", "add", "authors=[Marta Quill]", *ASKED)["id"]


def test_a_request_goes_from_receipt_to_approval(id):
    ledger.move(id, "planned", "lethe")
    assert answered("request", "approve", id, "--by", "officer-7")["status"] == "approved"
    assert answered("request", "status", id)["status"] == "approved"
    shown = answered("request", "show", id)
    assert [move["status"] for move in shown["moves"]] == ["received", "planned", "approved"]
    assert shown["request"]["authors"] == ["Marta Quill"]
    assert answered("log", "verify")["whole"] is True


def test_the_same_again_is_the_same(id):
    assert answered("request", "add", "authors=[Marta Quill]", *ASKED)["id"] == id
    assert len(answered("request", "list")["requests"]) == 1


def test_the_list_tells_what_is_overdue_first_and_selects_nothing_by_name(id, artifacts):
    late = answered("request", "add", "owners=[Somebody]", *ASKED)["id"]
    with sqlite3.connect(artifacts / "ledger.db") as database:
        database.execute(
            "UPDATE lethe_deletions SET received = '2026-01-01T00:00:00Z', "
            "due = '2026-01-31T00:00:00Z' WHERE id = ?",
            [late],
        )
    database.close()
    first, second = answered("request", "list")["requests"]
    assert (first["id"], first["overdue"], second["id"], second["overdue"]) == (
        late, True, id, False,
    )  # fmt: skip
    assert first["days_left"] < 0 < second["days_left"]
    heading, line, other = lethe("request", "list").splitlines()
    assert heading.split() == ["id", "status", "due", "left", "ground", "selects", "models"]
    assert f"OVERDUE by {-first['days_left']} days" in line
    assert "days left" in other
    assert "Marta" not in lethe("request", "list")


def test_an_empty_list_says_so():
    assert lethe("request", "list") == "no requests\n"
    assert answered("request", "list") == {"requests": []}


def test_a_rejection_says_why_and_is_final(id):
    lethe("request", "reject", id, "--by", "officer-7", "--why", "not the author")
    assert "rejected by officer-7: not the author" in lethe("request", "show", id)
    with pytest.raises(ConfigError, match="nothing else"):
        lethe("request", "approve", id, "--by", "officer-7")
    with pytest.raises(BusyError, match="was rejected already"):
        lethe("request", "reject", id, "--by", "officer-8", "--why", "twice")


def test_what_is_shown_is_escaped_and_passages_are_digests(tmp_path):
    asked = {
        "titles": ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "a\x1b[31m\u200b\nb"],
        "doc_ids": ["../../etc/passwd", "=cmd()"],
        "passages": ["the secret words"],
    }
    path = tmp_path / "asked.json"
    path.write_text(json.dumps(asked))
    id = answered("request", "add", str(path), *ASKED)["id"]
    page = lethe("request", "show", id)
    assert all(line.isprintable() for line in page.splitlines())
    assert r"\u202egnp.exe" in page
    assert "secret" not in page
    output = lethe("request", "show", id, "--json")
    assert output.isascii()
    assert "secret" not in output
    assert json.loads(output)["request"]["titles"] == asked["titles"]


def test_ten_thousand_ids_are_counted_and_cut(tmp_path):
    path = tmp_path / "asked.yaml"
    path.write_text("doc_ids:\n" + "".join(f"- 2402.{n:05}\n" for n in range(10_000)))
    id = answered("request", "add", str(path), *ASKED)["id"]
    assert "10,000 doc_ids" in lethe("request", "list")
    page = lethe("request", "show", id)
    assert "2402.00010\n" in page  # a number would have lost its last digit
    assert "and 9,980 more" in page
    with path.open("a") as file:
        file.write("- one more\n")
    with pytest.raises(ConfigError, match="at most 10000"):
        lethe("request", "add", str(path), *ASKED)


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_passage_of_five_megabytes_is_taken_from_a_file(form, tmp_path):
    path = tmp_path / f"asked.{form}"
    path.write_text(json.dumps({"passages": ["all her words " * 375_000]}))
    id = answered("request", "add", str(path), *ASKED)["id"]
    assert len(ledger.find(id).request.passages[0]) == 5_250_000
    assert len(lethe("request", "show", id)) < 2_000


@pytest.mark.parametrize("name", ["Jane Austen", "jane@example.org", "Jane"])
def test_a_name_for_who_asked_is_refused_with_advice(name):
    with pytest.raises(ConfigError, match="such as subject-0042") as caught:
        lethe("request", "add", "authors=[x]", "--asked-by", name, "--ground", "objection")
    assert name not in str(caught.value)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (("--received", "2026-01-05", "--due", "2026-01-04"), "due is before received"),
        (("--received", "2026-01-05"), "due=2026-02-04T00:00Z: is past"),
        (("--received", "2026-01-05", "--due", "2026-02-28"), "due=2026-02-28T23:59Z: is past"),
        (("--received", "2999-01-01"), "lies in the future"),
        (("--due", "soon"), "'soon' is no day"),
    ],
)
def test_dates_that_cannot_be_met_are_refused_with_the_reason(dates, said):
    with pytest.raises(ConfigError, match=said):
        lethe("request", "add", "authors=[x]", *ASKED, *dates)
    assert ledger.listed() == []


@pytest.mark.parametrize("id", ["../../etc/passwd", "r-000000000000", "\u202e", ""])
def test_an_id_that_is_none_is_refused_by_every_command(id):
    for command in (["show", id], ["status", id], ["approve", id, "--by", "officer-7"]):
        with pytest.raises(ConfigError, match="no such request") as caught:
            lethe("request", *command)
        assert str(caught.value).isprintable()


def test_the_log_shows_who_did_what_to_one_subject(id):
    ledger.log("model.audited", "lethe-demo", "lethe", {"regressed": False})
    ledger.move(id, "planned", "officer-7")
    entries = answered("log", "show", "--subject", id)["entries"]
    assert [entry["kind"] for entry in entries] == ["request.received", "request.moved"]
    assert [entry["number"] for entry in answered("log", "show", "--last", "1")["entries"]] == [3]
    assert "request.moved  " + id + "  by officer-7" in lethe("log", "show")


def test_a_log_that_was_changed_is_said_to_be_and_fails(id, artifacts):
    with sqlite3.connect(artifacts / "ledger.db") as database:
        database.execute("UPDATE lethe_chain SET by = 'officer-9'")
    database.close()
    result = answered("log", "verify", code=3)
    assert result["whole"] is False
    assert result["broken"] == "entry 1 was changed: its digest is not that of what it says"


def test_a_log_is_held_against_a_head_of_a_certificate(id):
    head = answered("log", "verify")["head"]
    assert answered("log", "verify", head)["whole"]
    other = f"1:{'0' * 64}"
    assert "written anew" in answered("log", "verify", other, code=3)["broken"]
    with pytest.raises(ConfigError, match="NUMBER:DIGEST"):
        lethe("log", "verify", "latest")


def test_a_database_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setenv("LETHE_LEDGER", "postgresql+psycopg2://me:secret@127.0.0.1:1/ledger")
    with pytest.raises(RegistryError, match="does not answer") as caught:
        lethe("request", "list")
    assert "secret" not in str(caught.value)


def test_bad_input_is_one_line_and_exit_code_two():
    done = subprocess.run(
        [sys.executable, "-m", "flows", "request", "add", "autors=[x]", *ASKED],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lethe: autors: there is no such selector; did you mean 'authors'?\n"
