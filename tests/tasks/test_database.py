import sqlite3
import stat

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from tasks.core.errors import BusyError, ConfigError, RegistryError, StorageError
from tasks.database import compact, reading, writing

TABLES = MetaData()
NUMBERS = Table("numbers", TABLES, Column("number", Integer, primary_key=True))


def zero(connection):
    connection.execute(insert(NUMBERS).values(number=0))


def numbers():
    with reading(TABLES, zero) as connection:
        return list(connection.execute(select(NUMBERS.c.number)).scalars())


def write(number):
    with writing(TABLES, zero) as connection:
        connection.execute(insert(NUMBERS).values(number=number))


def test_tables_are_made_and_filled_once_by_whoever_comes_first():
    assert numbers() == [0]
    write(7)
    assert numbers() == [0, 7]


def test_nothing_is_kept_of_a_transaction_that_fails():
    with pytest.raises(ConfigError), writing(TABLES, zero) as connection:
        connection.execute(insert(NUMBERS).values(number=7))
        raise ConfigError("no")
    assert numbers() == [0]


def test_the_file_is_for_its_owner_alone(artifacts):
    write(7)
    assert stat.S_IMODE((artifacts / "ledger.db").stat().st_mode) == 0o600


def test_a_reader_sees_what_was_there_when_it_began():
    write(7)
    with reading(TABLES, zero) as connection:
        assert connection.execute(select(NUMBERS.c.number)).scalars().all() == [0, 7]


def test_a_writer_that_waited_long_enough_says_so(artifacts, monkeypatch):
    write(7)
    monkeypatch.setenv("LETHE_WAIT_SECONDS", "0.1")
    other = sqlite3.connect(artifacts / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="LETHE_WAIT_SECONDS"):
        write(8)
    other.close()
    write(8)


def test_what_was_overwritten_is_gone_from_the_file_once_it_is_compact(artifacts):
    write(7)
    compact()
    assert numbers() == [0, 7]


def test_an_error_of_the_database_quotes_no_value():
    write(777)
    with pytest.raises(RegistryError) as caught:
        write(777)
    assert "777" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("ledger", ConfigError, "LETHE_LEDGER is not an address"),
        ("mysql://me:secret@127.0.0.1/x", ConfigError, "sqlite:////FILE or postgresql"),
        ("sqlite://", ConfigError, "sqlite:////FILE or postgresql"),
        ("postgresql://me:secret@127.0.0.1:1/x", RegistryError, "does not answer"),
        ("postgresql+other://me:secret@127.0.0.1:1/x", ConfigError, "LETHE_LEDGER"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_without_its_password(
    address, error, said, monkeypatch
):
    monkeypatch.setenv("LETHE_LEDGER", address)
    with pytest.raises(error, match=said) as caught:
        numbers()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    path.write_text("not a database, and long enough to be taken for one" * 100)
    monkeypatch.setenv("LETHE_LEDGER", f"sqlite:///{path}")
    with pytest.raises(RegistryError, match="file is not a database"):
        numbers()


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LETHE_LEDGER", f"sqlite:///{tmp_path / 'file' / 'x.db'}")
    with pytest.raises(StorageError, match="LETHE_LEDGER"):
        numbers()
