from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.requests.chain import START, Head, Said, astray, broken, digested, head, linked, noted

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def said(count=0, **changed):
    whole = {"at": NOON, "kind": "model.audited", "subject": "lethe-demo", "by": "officer-7"}
    return Said(**(whole | {"details": {"count": count}} | changed))


@pytest.fixture
def entries():
    made = []
    for count in range(5):
        made.append(linked(made, said(count)))
    return made


def sealed(entry, **changed):
    """The entry changed, with a digest that fits the change."""
    other = entry.model_copy(update=changed)
    return other.model_copy(update={"digest": digested(other)})


def test_an_empty_chain_is_whole_and_its_head_is_its_start():
    assert broken([]) == ""
    assert head([]) == Head(0, START)


def test_each_entry_names_the_one_before(entries):
    assert broken(entries, [head(entries)]) == ""
    assert [entry.previous for entry in entries] == [START, *(e.digest for e in entries[:-1])]
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "changed",
    [
        {"at": NOON.replace(minute=1)},
        {"kind": "model.audite"},
        {"subject": "lethe-demp"},
        {"by": "officer-8"},
        {"details": {"count": 3}},
        {"details": {"count": 2.0}},
        {"details": {}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_change_is_found(entries, changed):
    entries[2] = entries[2].model_copy(update=changed)
    assert broken(entries) == "entry 3 was changed: its digest is not that of what it says"


def test_a_change_with_a_digest_that_fits_is_found_by_the_entry_after_it(entries):
    entries[2] = sealed(entries[2], by="officer-8")
    assert broken(entries) == "entry 4 does not follow the one before it, which was replaced"


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (slice(2, 3), "entry 3 is missing before entry 4"),
        (slice(0, 1), "entry 1 is missing before entry 2"),
        (slice(1, 4), "entries 2 to 4 are missing before entry 5"),
    ],
)
def test_an_omission_is_found(entries, gone, said):
    del entries[gone]
    assert broken(entries) == said


def test_an_omission_with_the_rest_renumbered_is_found(entries):
    del entries[2]
    entries[2:] = [sealed(entry, number=entry.number - 1) for entry in entries[2:]]
    assert broken(entries) == "entry 3 does not follow the one before it, which was replaced"


def test_another_order_is_found(entries):
    entries[1], entries[2] = entries[2], entries[1]
    assert broken(entries) == "entry 2 is missing before entry 3"
    entries[1], entries[2] = entries[2], entries[1]
    entries.append(entries[3])
    assert broken(entries) == "entry 4 is out of order, after entry 5"


def test_two_entries_that_changed_places_and_numbers_are_found(entries):
    two, three = entries[1], entries[2]
    entries[1:3] = [three.model_copy(update={"number": 2}), two.model_copy(update={"number": 3})]
    assert broken(entries) == "entry 2 was changed: its digest is not that of what it says"


def test_an_end_that_was_cut_off_is_found_by_a_head_that_was_noted(entries):
    kept = head(entries)
    assert broken(entries[:3]) == ""  # not by the chain alone
    assert broken(entries[:3], [kept]) == "entries 4 to 5 are missing: the end was cut off"


def test_a_log_written_anew_is_found_by_a_head_that_was_noted(entries):
    anew = []
    for entry in entries:
        anew.append(linked(anew, said(entry.number)))
    assert broken(anew) == ""  # not by the chain alone
    assert broken(anew, [head(entries[:2])]) == (
        "entry 2 is not the one that was noted: the log was written anew"
    )


def test_a_head_comes_back_from_what_was_written_down(entries):
    assert noted(str(head(entries))) == head(entries)
    with pytest.raises(ConfigError, match="NUMBER:DIGEST"):
        noted("5:abc\x1b[31m")


def test_a_request_that_was_moved_past_the_log_is_found(entries):
    entries.append(
        linked(entries, said(kind="request.moved", subject="r-1", details={"to": "planned"}))
    )
    assert astray(entries, {"r-1": "planned"}) == ""
    assert "r-1 is approved, and the log left it planned" in astray(entries, {"r-1": "approved"})
    assert "r-1 is gone" in astray(entries, {})
    assert "the log left it nowhere" in astray(entries, {"r-1": "planned", "r-2": "received"})


@pytest.mark.parametrize(
    "changed",
    [
        {"by": "Jane Austen"},
        {"by": "jane@example.org"},
        {"subject": "two words"},
        {"subject": "lethe\u202edemo"},
        {"kind": "Model"},
        {"details": {"count": float("nan")}},
        {"details": {"text": "a" * 501}},
        {"details": {"list": ["a"]}},
    ],
)
def test_what_may_never_be_taken_back_is_refused_unless_it_is_short_and_no_name(changed):
    with pytest.raises(ValidationError):
        said(**changed)
