"""What was deleted from a database of the stack is on no disk of it, the write-ahead log included."""

import uuid

import psycopg2
import pytest

from infra.stack.postgres import DATABASES
from tasks.database import compact

NOTE = "a note that nobody else writes"


@pytest.fixture
def ledger(served, monkeypatch):
    for name in ("LETHE_LEDGER", "PGPASSWORD"):
        monkeypatch.setenv(name, served.client[name])
    return served


def asked(served, database, role, password, *statements):
    opened = psycopg2.connect(
        host="127.0.0.1",
        port=served.ports["postgres"],
        user=role,
        password=served.secrets[password],
        dbname=database,
    )
    try:
        opened.autocommit = True
        with opened.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        opened.close()


def holding(served, text):
    folder = served.folder / "stack/postgres"
    return [path.name for path in folder.rglob("*") if path.is_file() and found(path, text)]


def found(path, text):
    try:
        return text.encode() in path.read_bytes()
    except FileNotFoundError:  # gone meanwhile
        return False


@pytest.mark.parametrize("database", DATABASES)
def test_no_file_of_it_holds_what_was_deleted(ledger, database):
    text, superuser = f"{NOTE} {uuid.uuid4()}", ("postgres", "POSTGRES_PASSWORD")
    asked(
        ledger,
        database,
        *superuser,
        "CREATE TABLE notes (id int PRIMARY KEY, note text, form jsonb)",
        f"""INSERT INTO notes SELECT one, '{text}', '{{"a": "{text}"}}' FROM generate_series(1, 99) one""",
        "ANALYZE notes",  # into the statistics of the planner as well
        "CHECKPOINT",
    )
    try:
        assert len(holding(ledger, text)) >= 3  # table, statistics, log
        asked(ledger, database, *superuser, "UPDATE notes SET note = '', form = '{}'")
        assert holding(ledger, text)
        compact()
        assert holding(ledger, text) == []
    finally:
        asked(ledger, database, *superuser, "DROP TABLE notes")


@pytest.mark.parametrize("database", ["prefect", "mlflow"])
def test_whoever_may_write_a_database_anew_may_not_read_it(ledger, database):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied"):
        asked(ledger, database, "lethe", "PGPASSWORD", "SELECT * FROM alembic_version")


def test_a_statement_that_fails_is_not_in_the_log_of_the_server(ledger):
    text = f"{NOTE} {uuid.uuid4()}"
    with pytest.raises(psycopg2.errors.UndefinedTable):
        asked(ledger, "ledger", "lethe", "PGPASSWORD", f"INSERT INTO nowhere VALUES ('{text}')")
    log = (ledger.folder / "stack/logs/postgres.log").read_text()
    assert "nowhere" in log
    assert text not in log
