"""The tests of the ledger once more, on the PostgreSQL of the stack: a database of its own each."""

import uuid

import psycopg2
import pytest

from tests.tasks.test_ledger import (  # noqa: F401 - they are collected here
    test_a_batch_is_claimed_whole_or_not_at_all,
    test_a_champion_moves_only_from_what_it_is,
    test_a_move_that_is_not_allowed_names_those_that_are,
    test_a_request_with_ten_thousand_ids_and_one_with_five_megabytes_come_back_whole,
    test_a_second_approval_hears_of_the_first,
    test_eight_processes_that_come_first_make_one_ledger_with_one_whole_log,
    test_forgetting_twice_is_forgetting_once,
    test_numbers_and_truth_come_back_from_the_log_as_they_were,
    test_of_eight_processes_one_has_the_request_and_the_champion,
    test_what_was_added_is_found_as_it_was_asked,
    test_what_was_forgotten_is_known_when_it_is_asked_again,
)


@pytest.fixture(autouse=True)
def ledger_of_its_own(served, monkeypatch):
    name = f"ledger_{uuid.uuid4().hex}"
    server = psycopg2.connect(
        host="127.0.0.1",
        port=served.ports["postgres"],
        user="postgres",
        password=served.secrets["POSTGRES_PASSWORD"],
        dbname="postgres",
    )
    server.autocommit = True
    monkeypatch.setenv("PGPASSWORD", served.secrets["PGPASSWORD"])
    monkeypatch.setenv("LETHE_LEDGER", served.client["LETHE_LEDGER"].removesuffix("ledger") + name)
    try:
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} OWNER lethe")
            yield
            cursor.execute(f"DROP DATABASE {name}")
    finally:
        server.close()
