import pyarrow.parquet as pq
import pytest

from tasks.core.errors import ConfigError, DataError
from tasks.core.history import History
from tasks.requests.closure import Link
from tasks.requests.request import Request
from tasks.requests.resolve import resolve


@pytest.fixture
def shelf(write, document):
    """Two editions of one book, a book that half overlaps, a paper by a cousin, an undated one."""
    return write(
        [
            document("one:1", group="book:one", text="It is a truth_fully_ told tale"),
            document("one:2", group="book:one"),
            document("ed:1", group="book:ed", date="2005-06-01"),
            document("ed:2", group="book:ed"),
            document("near:1", group="book:near", author=["Fanny Burney"]),
            document("cousin", author=["J. Austen"], date="2011"),
            document("undated", author=["Ann Radcliffe"], date=None),
            document("copy", author=["Ann Radcliffe"], date=None, duplicate_of="undated"),
            document("other", author=["Mary Shelley"], tokens=200),
        ],
        duplicates=[Link("ed:1", "one:1", 0.9)],
        nearby=[Link("near:1", "one:2", 0.3), Link("near:1", "other", 0.4)],
    )


def ids(planned):
    return [one.doc_id for one in planned]


def test_a_book_brings_its_other_edition_and_leaves_the_rest_of_it(shelf):
    plan = resolve(Request(groups=("book:one",)), shelf, 0.5, History())
    assert ids(plan.matched) == ["one:1", "one:2"]
    assert plan.forget["ed:1"] == "near-duplicate of one:1 (Jaccard 0.90)"
    assert plan.beside == {
        "ed:2": "in book:ed like ed:1, but other text",
        "near:1": "shares text with one:2 (Jaccard 0.30), short of a copy",
    }
    assert (plan.documents, plan.tokens) == (3, 30)
    assert [(s.field, s.value, s.documents) for s in plan.suggestions] == [("groups", "book:ed", 1)]


def test_a_copy_goes_with_the_document_it_copies(shelf):
    plan = resolve(Request(doc_ids=("undated",)), shelf, 0.5, History())
    assert plan.forget == {"undated": "id 'undated'", "copy": "the same text as undated"}


def test_an_author_asked_for_leaves_and_offers_whoever_may_be_the_same(shelf):
    plan = resolve(Request(authors=("Jane Austen",)), shelf, 0.9, History())
    assert "cousin" not in plan.forget
    assert plan.beside["cousin"] == "author 'J. Austen' may be 'Jane Austen', who was asked for"
    assert [(s.value, s.documents) for s in plan.suggestions] == [("J. Austen", 1)]


def test_a_passage_is_found_however_it_is_typeset_and_the_plan_does_not_quote_it(shelf):
    plan = resolve(Request(passages=("a TRUTHfully\n`told",)), shelf, 0.5, History())
    assert plan.forget["one:1"] == "holds passage 1 (18 characters)"
    assert "told" not in plan.model_dump_json()


def test_a_passage_that_nothing_holds_is_mentioned_by_its_number_alone(shelf):
    plan = resolve(
        Request(doc_ids=("other",), passages=("words of nobody",)), shelf, 0.9, History()
    )
    assert [s.value for s in plan.suggestions] == ["passage 1 (15 characters)"]
    assert "nobody" not in plan.model_dump_json()


def test_a_range_narrows_the_lists_and_says_what_it_keeps_out(shelf):
    request = Request(authors=("Jane Austen", "Ann Radcliffe"), dated_to="2000")
    plan = resolve(request, shelf, 0.5, History())
    assert ids(plan.matched) == ["ed:2", "one:1", "one:2"]
    assert plan.beside["undated"] == "author 'Ann Radcliffe', but without a date"


def test_a_copy_dated_outside_the_range_goes_for_its_text_is_the_same(shelf):
    plan = resolve(Request(groups=("book:one", "book:ed"), dated_to="2000"), shelf, 0.5, History())
    assert plan.forget["ed:1"] == "near-duplicate of one:1 (Jaccard 0.90)"
    assert "ed:1" not in plan.beside


def test_a_range_alone_selects_by_date_and_leaves_the_undated(shelf):
    plan = resolve(Request(dated_from="2011"), shelf, 0.5, History())
    assert plan.forget == {"cousin": "dated 2011"}
    assert plan.beside["undated"] == "without a date"


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(), "names nothing to forget; give one of request.doc_ids"),
        (Request(authors=("Jane Austin",)), r"request.authors: 'Jane Austin'.*'Jane Austen'"),
        (Request(doc_ids=("../../etc/passwd",)), r"request.doc_ids: '../../etc/passwd' matches no"),
        (Request(passages=("no such words",)), r"request.passages: 'passage 1 \(13 characters\)'"),
        (
            Request(dated_from="2030"),
            "request.dated_from='2030'.*none of the documents.*dated within",
        ),
        (
            Request(groups=("book:one",), dated_from="2030"),
            "none of the documents asked for is dated",
        ),
        (Request(authors=("Mary Shelley",)), "71% of the tokens of books.*max_forget_share=0.5"),
        (Request(licenses=("public-domain",)), "100% of the tokens of books"),
    ],
)
def test_a_request_for_nothing_everything_or_too_much_is_refused_in_one_line(shelf, request_, says):
    # Mary Shelley: 200 of 8 * 10 + 200 = 280 tokens, 71 %.
    with pytest.raises(ConfigError, match=says) as caught:
        resolve(request_, shelf, 0.5, History())
    assert "\n" not in str(caught.value)


def test_the_share_is_of_one_domain_not_of_the_corpus(write, document):
    write([document("a", tokens=10)])
    corpus = write([document("b", domain="arxiv", tokens=1000)])
    with pytest.raises(ConfigError, match="100% of the tokens of books"):
        resolve(Request(doc_ids=("a",)), corpus, 0.5, History())


def test_a_folder_without_a_corpus_is_named(tmp_path):
    with pytest.raises(DataError, match="no curated documents"):
        resolve(Request(doc_ids=("a",)), tmp_path / "empty", 0.5, History())


def test_text_is_not_even_opened_unless_a_passage_is_given(shelf):
    file = shelf / "documents" / "books.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["text"]), file)
    assert resolve(Request(doc_ids=("one:1",)), shelf, 0.5, History()).documents == 2


def test_what_was_forgotten_before_or_never_seen_is_left_with_the_reason(shelf):
    history = History(seen=("one:1", "one:2", "ed:2", "other"), forgotten=("one:1",))
    plan = resolve(Request(groups=("book:one",)), shelf, 1.0, history)
    assert plan.forget == {"one:2": "group 'book:one'"}
    assert plan.beside["one:1"] == "group 'book:one', but was forgotten before"
    assert plan.beside["ed:1"] == (
        "near-duplicate of one:1 (Jaccard 0.90), but was never seen by the model"
    )


def test_a_request_for_nothing_that_the_model_knows_says_why(shelf):
    history = History(seen=("one:1", "other"), forgotten=("one:1",))
    with pytest.raises(
        ConfigError,
        match="of the 2 documents it matches 1 were forgotten before and 1 were never seen",
    ):
        resolve(Request(groups=("book:one",)), shelf, 1.0, history)


def test_what_was_forgotten_before_does_not_count_as_text_that_would_be_left(shelf):
    # one:2 is 10 of 280 tokens; with the 200 of other gone it is 10 of 80, 12 %.
    history = History(seen=("one:2", "other"), forgotten=("other",))
    with pytest.raises(ConfigError, match="12% of the tokens of books"):
        resolve(Request(doc_ids=("one:2",)), shelf, 0.1, history)
