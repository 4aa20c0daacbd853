import pytest
from pydantic import ValidationError

from tasks.requests.request import Request


def test_a_request_is_empty_until_something_is_asked():
    assert Request().model_dump(exclude_defaults=True) == {}


@pytest.mark.parametrize(
    "text", ["17", "2017-5", "2017-02-30", "2017-13", "last year", "2017-01-01T00"]
)
def test_a_date_that_is_none_is_refused(text):
    with pytest.raises(ValidationError, match="dated_from"):
        Request(dated_from=text)


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="dated_from is after dated_to"):
        Request(dated_from="2018", dated_to="2017-12")


def test_a_range_within_one_year_may_be_given_at_two_resolutions():
    assert Request(dated_from="2017-05-03", dated_to="2017").dated


@pytest.mark.parametrize(
    ("date", "covered"),
    [
        ("2017-05-01", True),  # the first day of the range
        ("2017-05-31", True),  # the last
        ("2017-04-30", False),
        ("2017-06-01", False),
        ("2017-05", True),
        ("2017", True),  # may be any day of 2017
        ("2016", False),
    ],
)
def test_a_month_covers_its_days_and_a_year_that_may_be_in_it(date, covered):
    assert Request(dated_from="2017-05", dated_to="2017-05").covers(date) is covered


def test_an_open_end_covers_everything_on_its_side():
    assert Request(dated_to="2010").covers("1813")
    assert Request(dated_from="2010").covers("2099-12-31")
    assert not Request(dated_from="2010").covers("2009-12-31")


def test_no_error_quotes_a_passage():
    with pytest.raises(ValidationError) as caught:
        Request(passages=("the secret words",), dated_from="2018", dated_to="2017")
    assert "secret" not in str(caught.value)


def test_a_redacted_request_tells_passages_apart_without_holding_them():
    one, other = Request(passages=("the secret words",)), Request(passages=("other words",))
    assert "secret" not in one.redacted().model_dump_json()
    assert one.redacted() != other.redacted()
    assert one.redacted() == Request(passages=("the secret words",)).redacted()


def test_a_list_of_too_many_entries_is_refused():
    with pytest.raises(ValidationError, match="doc_ids"):
        Request(doc_ids=tuple(str(number) for number in range(10_001)))


def test_an_empty_entry_is_refused_rather_than_matched_with_everything():
    with pytest.raises(ValidationError, match="authors"):
        Request(authors=("",))


def test_a_redacted_request_stays_as_it_is():
    once = Request(passages=("It was the best of times, it was the worst",)).redacted()
    assert once.redacted() == once
