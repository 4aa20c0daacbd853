import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.requests.deletion import (
    MOST_CHARACTERS,
    MOVES,
    Deletion,
    Draft,
    Move,
    identified,
    moment,
    refuse,
    valid,
)
from tasks.requests.request import Request

SALT = bytes(32)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
WHOLE = {
    "asked_by": "subject-0042",
    "ground": "objection",
    "received": NOON,
    "request": Request(authors=("Marta Quill",)),
}


def draft(**changed):
    return Draft(**(WHOLE | changed))


def deletion(status="received", **changed):
    move = Move(status=status, at=NOON, by="officer-7")
    return Deletion(**(WHOLE | changed), id="r-0123456789ab", status=status, moves=(move,))


def test_a_request_is_due_thirty_days_after_it_was_received():
    assert draft().due == datetime(2026, 12, 28, 12, tzinfo=UTC)  # November has 30 days


def test_a_due_date_falls_on_a_leap_day_where_there_is_one():
    assert draft(received=datetime(2028, 1, 30, tzinfo=UTC)).due.date().isoformat() == "2028-02-29"
    assert draft(received=datetime(2027, 1, 30, tzinfo=UTC)).due.date().isoformat() == "2027-03-01"


def test_daylight_saving_moves_no_due_date():
    # Clocks went forward in Berlin on 2026-03-29: thirty days are 720 hours, of UTC.
    one = draft(received=datetime(2026, 3, 28, 23, 30, tzinfo=timezone(timedelta(hours=1))))
    assert one.received == datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    assert one.received.utcoffset() == timedelta()
    assert one.due == datetime(2026, 4, 27, 22, 30, tzinfo=UTC)


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(ValidationError, match="timezone"):
        draft(received=datetime(2026, 11, 28, 12))


def test_a_due_date_before_the_day_of_receipt_is_refused():
    with pytest.raises(ValidationError, match="due is before received"):
        draft(due=NOON - timedelta(seconds=1))


def test_a_due_date_that_is_past_is_refused_with_what_to_do():
    with pytest.raises(ConfigError, match=r"due=2026-12-28T12:00Z: is past.* agree on a later day"):
        refuse(draft(), NOON + timedelta(days=30, seconds=1))
    refuse(draft(), NOON + timedelta(days=30))


def test_a_request_from_the_future_is_refused():
    with pytest.raises(ConfigError, match="received=2026-11-28T12:00Z: lies in the future"):
        refuse(draft(), NOON - timedelta(seconds=1))
    refuse(draft(), NOON)


def test_a_request_for_nothing_is_refused():
    with pytest.raises(ConfigError, match="names nothing to forget"):
        refuse(draft(request=Request()), NOON)


def test_more_text_than_a_database_should_hold_is_refused_without_quoting_it():
    passages = ("secret" * 3_000_000,) * 3
    assert sum(map(len, passages)) > MOST_CHARACTERS
    with pytest.raises(ConfigError, match="more than 50,000,000 characters") as caught:
        refuse(draft(request=Request(passages=passages)), NOON)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "Jane Austen",
        "JaneAusten",
        "jane@example.org",
        "jane42@example.org",
        "",
        "4\u202e2",
        "a\n4",
        "a-4\n",
        "<b>4</b>",
        "=4+4",
        "4" * 65,
    ],
)
def test_who_asked_is_no_name_no_address_and_no_markup(text):
    with pytest.raises(ConfigError, match="asked_by: must be a reference with a number in it") as e:
        valid(Draft, WHOLE | {"asked_by": text})
    assert not text or text not in str(e.value)


@pytest.mark.parametrize("text", ["subject-0042", "T/2026/113", "42", "lethe", "lethe-nightly"])
def test_a_reference_is_taken(text):
    assert draft(asked_by=text).asked_by == text


@pytest.mark.parametrize("models", [(), ("demo",), ("lethe-../x",), ("lethe-a", "lethe-a")])
def test_models_are_those_of_the_registry_each_once(models):
    with pytest.raises(ValidationError, match="models"):
        draft(models=models)


@pytest.mark.parametrize("note", ["a\x1b[31m", "a\u202eb", "zero\u200bwidth", "two\nlines"])
def test_a_note_that_would_be_shown_as_something_else_is_refused(note):
    with pytest.raises(ValidationError, match="note"):
        Move(status="planned", at=NOON, by="officer-7", note=note)


def test_no_error_and_no_repr_tells_what_is_selected():
    with pytest.raises(ValidationError) as caught:
        draft(request={"authors": ["Marta Quill"], "dated_from": "never"}, ground="whim")
    assert "Marta" not in str(caught.value)
    with pytest.raises(ConfigError) as told:
        valid(Draft, WHOLE | {"request": {"authors": ["Marta Quill"], "dated_from": "never"}})
    assert str(told.value).startswith("request.dated_from: must be a year")
    assert "Marta" not in repr(deletion())


def test_the_same_ask_has_the_same_id_however_it_is_written():
    one = draft(request=Request(doc_ids=("a", "b")), models=("lethe-a", "lethe-b"))
    other = draft(
        request=Request(doc_ids=("b", "a", "b")),
        models=("lethe-b", "lethe-a"),
        received=NOON - timedelta(days=3),
    )
    assert identified(one, SALT) == identified(other, SALT)


@pytest.mark.parametrize(
    "changed",
    [
        {"asked_by": "subject-0043"},
        {"ground": "copyright"},
        {"request": Request(owners=("Marta Quill",))},
        {"models": ("lethe-other",)},
    ],
)
def test_another_ask_has_another_id(changed):
    assert identified(draft(**changed), SALT) != identified(draft(), SALT)


def test_an_id_cannot_be_had_from_names_without_the_salt_of_the_ledger():
    assert identified(draft(), SALT) != identified(draft(), bytes(31) + b"\1")


@given(
    doc_ids=st.lists(st.text(min_size=1, max_size=20), max_size=5).map(tuple),
    passages=st.lists(st.text(min_size=1, max_size=50), max_size=3).map(tuple),
    received=st.datetimes(
        datetime(1971, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.just(UTC),
    ),
)
@settings(max_examples=200)
def test_a_draft_comes_back_from_json_with_the_same_id(doc_ids, passages, received):
    one = draft(request=Request(doc_ids=doc_ids, passages=passages), received=received)
    again = Draft.model_validate_json(one.model_dump_json())
    assert again == one
    assert identified(again, SALT) == identified(one, SALT)


@given(values=st.dictionaries(st.sampled_from([*WHOLE, "due", "models", "x"]), st.one_of(
    st.none(), st.text(), st.integers(), st.lists(st.text(), max_size=3), st.floats(),
    st.dictionaries(st.text(), st.text(), max_size=2),
)))  # fmt: skip
@settings(max_examples=300)
def test_whatever_is_given_is_a_draft_or_one_line(values):
    try:
        valid(Draft, values)
    except ConfigError as error:
        assert str(error).isprintable()


def test_ids_that_climb_and_control_characters_are_kept_as_what_they_are():
    odd = ("../../etc/passwd", "a\x00b", "\u202eevil", "<img onerror=alert(1)>", "=1+1")
    one = draft(request=Request(doc_ids=odd))
    assert Draft.model_validate(json.loads(one.model_dump_json())).request.doc_ids == odd


def test_every_status_can_be_reached_and_only_two_are_final():
    reached = {to for after in MOVES.values() for to in after}
    assert reached == MOVES.keys() - {"received"}
    assert {status for status, after in MOVES.items() if not after} == {"rejected", "erased"}
    assert deletion("planned").allows("approved")
    assert not deletion("received").allows("approved")


@pytest.mark.parametrize(
    ("after", "left", "late"),
    [
        (timedelta(), 30, False),
        (timedelta(seconds=1), 29, False),  # 29 whole days and most of another
        (timedelta(days=30), 0, False),
        (timedelta(days=30, seconds=1), -1, True),  # the first day late has begun
        (timedelta(days=31), -1, True),
    ],
)
def test_days_left_are_whole_days(after, left, late):
    assert deletion().days_left(NOON + after) == left
    assert deletion().overdue(NOON + after) is late


@pytest.mark.parametrize("status", ["rejected", "certified", "erased"])
def test_what_has_its_answer_is_never_overdue(status):
    assert not deletion(status).overdue(NOON + timedelta(days=99))


def test_a_redacted_request_holds_no_passage():
    one = deletion(request=Request(passages=("the secret words",), authors=("A",)))
    assert "secret" not in one.redacted().model_dump_json()
    assert one.redacted().request.authors == ("A",)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-30", "2026-11-30T00:00:00+00:00", "2026-11-30T23:59:59+00:00"),
        ("2028-02-29", "2028-02-29T00:00:00+00:00", "2028-02-29T23:59:59+00:00"),
        ("2026-11-30T01:00+02:00", "2026-11-29T23:00:00+00:00", "2026-11-29T23:00:00+00:00"),
    ],
)
def test_a_day_begins_and_ends_in_utc(text, first, last):
    assert moment(text).isoformat() == first
    assert moment(text, last=True).isoformat() == last


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-29",
        "0001-01-01T00:00+02:00",
        "9999-12-31",
        "tomorrow",
        "2026-11-30T12:00",
        "20\u202e26",
        "",
    ],
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(ConfigError, match="is no day such as 2026-11-30") as caught:
        moment(text)
    assert str(caught.value).isprintable()
