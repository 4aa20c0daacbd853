"""Promotion and rollback on the command line."""

import json

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from tasks import ledger
from tasks.core.errors import ConfigError

DECIDED = ("--by", "officer-7", "--why", "as agreed")


def lethe(*arguments):
    return CliRunner().invoke(app, arguments)


def test_a_version_is_promoted_and_put_back(database, a_version):
    first = a_version()
    promoted = lethe("promote", first, *DECIDED, "--json")
    assert json.loads(promoted.stdout) == {
        "model": "lethe-tiny", "outcome": "promoted", "version": first, "champion": first,
        "by": "officer-7", "why": "as agreed", "requests": {},
    }  # fmt: skip
    second = a_version(parent=first)
    lethe("promote", second, *DECIDED)
    back = lethe("rollback", "lethe-tiny", *DECIDED)
    assert back.stdout == (
        "lethe-tiny/2 was rolled back by officer-7; champion of lethe-tiny is lethe-tiny/1\n"
    )


def test_a_version_is_rejected(database, a_version):
    assert lethe("reject", a_version(), *DECIDED).stdout == (
        "lethe-tiny/1 was rejected by officer-7; champion of lethe-tiny is none\n"
    )
    assert ledger.champion("lethe-tiny") == ""


@pytest.mark.parametrize(
    ("by", "said"), [("Jane Doe", "by: must be a reference"), ("lethe", "reference of a person")]
)
def test_who_decides_is_a_person_by_reference(by, said):
    for arguments in (("promote", "3"), ("reject", "3"), ("rollback", "lethe-demo")):
        refused = lethe(*arguments, "--by", by, "--why", "as agreed")
        assert isinstance(refused.exception, ConfigError)
        assert said in str(refused.exception)
        assert "Jane" not in str(refused.exception)


def test_a_decision_has_a_reason():
    assert "Missing option '--why'" in lethe("promote", "3", "--by", "officer-7").stderr
