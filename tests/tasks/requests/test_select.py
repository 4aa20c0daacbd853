import time

import pytest

from tasks.requests.request import Request
from tasks.requests.select import counted, named


@pytest.fixture(scope="module")
def library(known):
    code = {"domain": "github", "kind": "file", "license": "MIT"}
    return [
        known("emma", title="Emma", group="book:pg158"),
        known("mansfield", title="Mansfield Park", group="book:pg141"),
        known("app", author=["ActiveState/appdirs"], group="repo:ActiveState/appdirs", **code),
        known("paste", author=["cdent/paste"], group="repo:cdent/paste", **code),
        known("paper", author=["D. Sornette", "A. Johansen"], group="paper:one", license=None),
        known("thesis", author=["Ann Lee"], group="repo:ann/thesis", license="CC-BY-4.0"),
    ]


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        ({"doc_ids": ["emma"]}, {"emma": "id 'emma'"}),
        ({"doc_ids": ["EMMA"]}, {}),  # an id is an id, exactly
        ({"authors": ["d.  sornette"]}, {"paper": "author 'D. Sornette'"}),
        ({"authors": ["Sornette"]}, {}),  # a part of a name is another name
        ({"titles": ["MANSFIELD  park"]}, {"mansfield": "title 'Mansfield Park'"}),
        ({"titles": ["\u201cEmma\u201d"]}, {"emma": "title 'Emma'"}),
        ({"repositories": ["activestate/AppDirs"]}, {"app": "repository 'ActiveState/appdirs'"}),
        ({"repositories": ["ann/thesis"]}, {"thesis": "repository 'ann/thesis'"}),
        ({"owners": ["cdent"]}, {"paste": "owner 'cdent'"}),
        ({"owners": ["cd"]}, {}),
        ({"groups": ["book:pg158"]}, {"emma": "group 'book:pg158'"}),
        ({"licenses": ["cc-by-4.0"]}, {"thesis": "licence 'CC-BY-4.0'"}),
    ],
)
def test_each_list_selects_by_its_own_rule(library, lists, found):
    assert named(Request(**lists), library).because == found


def test_the_lists_are_united_and_the_first_reason_is_kept(library):
    both = named(Request(titles=["Emma"], groups=["book:pg158", "book:pg141"]), library)
    assert both.because == {"emma": "title 'Emma'", "mansfield": "group 'book:pg141'"}


def test_an_entry_that_names_nothing_is_reported_with_the_nearest_name(library):
    missing = named(Request(titles=["Emma", "Mansfeld Park", "Ulysses"]), library).missing
    assert [(one.entry, one.nearest) for one in missing] == [
        ("Mansfeld Park", ("Mansfield Park",)),
        ("Ulysses", ()),
    ]


def test_an_entry_given_twice_is_reported_once(library):
    missing = named(Request(doc_ids=["nobody", "nobody"]), library).missing
    assert [one.entry for one in missing] == ["nobody"]


def test_a_document_without_a_licence_is_selected_by_none(library):
    assert named(Request(licenses=["None", " "]), library).because == {}


def test_a_document_counts_once_for_a_name_however_often_it_carries_it(known):
    twice = known("paper", author=["A. Lee", "A. Lee"])
    assert counted("authors", ["A. Lee", "B. Lee"], [twice]) == {"A. Lee": 1, "B. Lee": 0}


def test_ten_thousand_unknown_ids_in_thirty_thousand_documents_take_seconds(known):
    documents = [known(f"arxiv:{number:05}") for number in range(30_000)]
    started = time.monotonic()
    found = named(Request(doc_ids=[f"arxiv-{number}" for number in range(10_000)]), documents)
    assert len(found.missing) == 10_000
    assert time.monotonic() - started < 20
