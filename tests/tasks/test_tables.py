"""What rows mean is tested through the ledger; here, what becomes of rows that nobody wrote."""

import sqlite3
from datetime import UTC, datetime

import pytest

from tasks import ledger
from tasks.core.errors import RegistryError
from tasks.requests.deletion import Draft
from tasks.requests.request import Request


@pytest.fixture
def one():
    request = Request(authors=("Marta Quill",))
    now = datetime.now(UTC)
    return ledger.add(
        Draft(asked_by="subject-42", ground="objection", received=now, request=request)
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("request", '{"authors": ["Marta Quill"'),
        ("request", '{"authors": "Marta Quill"}'),
        ("models", "lethe-demo"),
        ("status", "done"),
        ("due", "2020-01-01"),
        ("asked_by", "Marta Quill"),
    ],
)
def test_a_request_in_another_form_is_one_line_that_quotes_nothing(column, value, one, artifacts):
    with sqlite3.connect(artifacts / "ledger.db") as database:
        database.execute(f"UPDATE lethe_deletions SET {column} = ?", [value])
    database.close()
    with pytest.raises(RegistryError, match=f"'{one.id}'.*restore it from a backup") as caught:
        ledger.find(one.id)
    assert "Marta" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_of_heads_that_holds_something_else_is_named(one, artifacts):
    with (artifacts / "ledger.heads").open("a") as file:
        file.write("1:abc")
    with pytest.raises(RegistryError, match=r"ledger\.heads holds what is no head"):
        ledger.broken()
