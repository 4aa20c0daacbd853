from hypothesis import given
from hypothesis import strategies as st

from tasks.requests.closure import Link, added, left


def test_a_near_duplicate_goes_and_the_reason_names_the_link():
    assert added(["a"], [Link("a", "b", 0.931)]) == {"b": "near-duplicate of a (Jaccard 0.93)"}


def test_a_link_ties_both_ways():
    assert added(["b"], [Link("a", "b", 0.9)]) == {"a": "near-duplicate of b (Jaccard 0.90)"}


def test_a_copy_is_called_the_same_text():
    assert added(["a"], [Link("a", "b", 1.0, exact=True)]) == {"b": "the same text as a"}


def test_a_near_duplicate_of_what_was_added_goes_too_and_says_so():
    assert added(["a"], [Link("b", "c", 0.6), Link("a", "b", 0.7)]) == {
        "b": "near-duplicate of a (Jaccard 0.70)",
        "c": "near-duplicate of b (Jaccard 0.60), itself added",
    }


def test_the_strongest_link_one_step_nearer_gives_the_reason():
    links = [Link("a", "c", 0.5), Link("b", "c", 0.8), Link("d", "c", 0.99), Link("a", "d", 0.6)]
    assert added(["a", "b"], links)["c"] == "near-duplicate of b (Jaccard 0.80)"


def test_what_was_matched_is_never_added():
    assert added(["a", "b"], [Link("a", "b", 0.9)]) == {}


NAMES = st.sampled_from("abcdefgh")
LINKS = st.lists(st.builds(Link, NAMES, NAMES, st.floats(0.5, 1)), max_size=12)


@given(st.sets(NAMES, min_size=1), LINKS, st.randoms())
def test_nothing_tied_to_what_goes_stays_in_whatever_order_links_come(matched, links, random):
    brought = added(sorted(matched), links)
    going = matched | brought.keys()
    assert all((link.one in going) == (link.other in going) for link in links)
    random.shuffle(links)
    assert added(sorted(matched, reverse=True), links) == brought


def test_text_shared_below_the_threshold_is_left_by_its_strongest_tie(known):
    documents = [known(name, title=name, author=[name]) for name in "abc"]
    ties = [Link("a", "c", 0.31), Link("c", "b", 0.42)]
    assert left({"a": "", "b": ""}, ties, documents) == {
        "c": "shares text with b (Jaccard 0.42), short of a copy"
    }


def test_shared_text_is_a_stronger_reason_than_a_shared_book(known):
    documents = [known("a", group="book:pg1"), known("b", group="book:pg1")]
    assert left({"a": ""}, [Link("a", "b", 0.3)], documents) == {
        "b": "shares text with a (Jaccard 0.30), short of a copy"
    }


def test_the_rest_of_a_book_is_left_and_the_rest_of_a_month_is_not_considered(known):
    documents = [
        known("a", title="A", group="book:pg1"),
        known("b", title="B", group="book:pg1"),
        known("c", title="C", group="arxiv-month:2017-05"),
        known("d", title="D", group="arxiv-month:2017-05"),
    ]
    assert left({"a": "", "c": ""}, [], documents) == {"b": "in book:pg1 like a, but other text"}


def test_another_form_of_the_same_paper_is_left_and_said(known):
    documents = [
        known("arxiv:1", title="On  Crashes", author=["A. Lee", "B. Roe"]),
        known("arxiv:1#fulltext", title="On crashes", author=["B. Roe"]),
        known("arxiv:2", title="On crashes", author=["C. Poe"]),
    ]
    assert left({"arxiv:1": ""}, [], documents) == {
        "arxiv:1#fulltext": "has the title and an author of arxiv:1, but other text"
    }
