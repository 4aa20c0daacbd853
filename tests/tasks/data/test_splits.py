import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ConfigError
from tasks.core.history import History
from tasks.data.splits import LEFT_OUT, SplitsConfig, assign

SMALL = SplitsConfig(retain_tokens=40, general_tokens=30, approximate_tokens=20, test_tokens=20)


def shelf(count, domain="books", **columns):
    """Documents of ten tokens, each a cluster of its own."""
    ids = [f"{domain}:{number:03}" for number in range(count)]
    return pd.DataFrame({"doc_id": ids, "domain": domain}).assign(
        **{"kind": "section", "date": "2000", "tokens": 10, "duplicate_of": None, "cluster": ids}
        | columns
    )


@pytest.fixture
def library():
    return pd.concat([shelf(20), shelf(10, "arxiv")], ignore_index=True)


def tokens(assignment):
    return assignment.groupby("split")["tokens"].sum().to_dict()


def where(assignment, doc_id):
    return assignment.set_index("doc_id")["split"][doc_id]


def why(assignment, doc_id):
    return assignment.set_index("doc_id")["reason"][doc_id]


def test_each_split_has_the_size_asked_for_and_the_rest_is_left_out(library):
    # books: 200 - 20 forget - 40 - 20 - 20 = 100 left; arxiv: 100 - 30 = 70 left.
    assert tokens(assign(library, {"books:000": "asked", "books:001": "asked"}, {}, SMALL)) == {
        "forget": 20, "retain": 40, "general": 30, "approximate": 20, "test": 20, LEFT_OUT: 170,
    }  # fmt: skip


def test_general_comes_from_other_domains_and_the_rest_from_the_same(library):
    assignment = assign(library, {"books:000": "asked"}, {}, SMALL)
    domains = assignment.groupby("split")["domain"].agg(set)
    assert domains["general"] == {"arxiv"}
    assert all(domains[name] == {"books"} for name in ("retain", "approximate", "test"))


def test_another_seed_draws_others(library):
    one, other = (
        assign(library, {"books:000": ""}, {}, SMALL.model_copy(update={"seed": seed}))
        for seed in (0, 1)
    )
    assert tokens(one) == tokens(other)
    assert not one["split"].equals(other["split"])


def test_what_is_drawn_from_a_domain_does_not_depend_on_the_other_domains(library):
    more = pd.concat([library, shelf(10, "github")], ignore_index=True)
    one, other = (assign(table, {"books:000": ""}, {}, SMALL) for table in (library, more))
    books = one["domain"] == "books"
    pd.testing.assert_frame_equal(one[books], other[other["domain"] == "books"])


def test_a_cluster_goes_whole(library):
    library.loc[library["doc_id"].between("books:001", "books:006"), "cluster"] = "books:001"
    assignment = assign(library, {"books:000": ""}, {}, SMALL)
    assert len({where(assignment, f"books:00{number}") for number in range(1, 7)}) == 1


def test_what_shares_a_cluster_with_forget_is_in_no_other_split(library):
    library.loc[library["doc_id"] == "books:001", "cluster"] = "books:000"
    assignment = assign(library, {"books:000": ""}, {}, SMALL)
    assert where(assignment, "books:001") == LEFT_OUT
    assert why(assignment, "books:001") == "in one cluster with a forgotten document"


def test_one_copy_of_a_text_is_kept_except_in_forget_which_holds_all(library):
    library.loc[2:3, "cluster"] = "books:002"
    library.loc[3, "duplicate_of"] = "books:002"
    library.loc[0:1, "cluster"] = "books:000"
    library.loc[1, "duplicate_of"] = "books:000"
    config = SMALL.model_copy(update={"retain_tokens": 130})  # all of the books
    assignment = assign(library, {"books:000": "", "books:001": ""}, {}, config)
    assert where(assignment, "books:001") == "forget"
    assert where(assignment, "books:002") != LEFT_OUT
    assert where(assignment, "books:003") == LEFT_OUT
    assert why(assignment, "books:003") == "the same text as books:002"


def test_what_was_considered_may_be_retained_but_is_never_unseen(library):
    beside = {f"books:{number:03}": "in the same book" for number in range(1, 10)}
    config = SMALL.model_copy(update={"retain_tokens": 150})  # all but approximate and test
    assignment = assign(library, {"books:000": ""}, beside, config)
    assert {where(assignment, doc_id) for doc_id in beside} == {"retain"}
    assert why(assignment, "books:001").endswith("never counted as unseen: in the same book")


def test_what_shares_a_cluster_with_something_considered_is_never_unseen_either(library):
    # 20 tokens of books are unseen, so approximate and test have 10 each and not 20.
    library.loc[1:17, "cluster"] = "books:001"
    config = SMALL.model_copy(update={"retain_tokens": 130})
    assignment = assign(library, {"books:000": ""}, {"books:001": "close"}, config)
    assert where(assignment, "books:007") == "retain"
    assert tokens(assignment)["test"] == tokens(assignment)["approximate"] == 10


@pytest.mark.parametrize("seed", range(8))
def test_clusters_taken_for_approximate_are_counted_once(library, seed):
    library["cluster"] = [name[:-1] + str(int(name[-1]) // 2 * 2) for name in library["doc_id"]]
    forget = {"books:000": "", "books:001": ""}
    config = SMALL.model_copy(update={"approximate_tokens": 100, "seed": seed})
    assert tokens(assign(library, forget, {}, config))["approximate"] == 100


def test_approximate_is_nearest_to_forget_in_length_then_in_date():
    # Forget: 100 tokens of 2010. A length of 90 and 2011 is 0.25 away, of 100 and 1990 2.0,
    # of 400 and 2010 2.0, of 100 and no date 1.0.
    table = pd.concat([shelf(30), shelf(9, "arxiv")], ignore_index=True)
    table.loc[:5, "tokens"] = [100, 90, 100, 400, 100, 100]
    table.loc[:5, "date"] = ["2010-06", "2011-06", "1990", "2010", None, "2010-07-15"]
    table.loc[:5, "kind"] = ["section"] * 5 + ["poem"]
    config = SMALL.model_copy(update={"approximate_tokens": 190})
    assignment = assign(table, {"books:000": ""}, {}, config)
    chosen = set(assignment.loc[assignment["split"] == "approximate", "doc_id"])
    assert {"books:001", "books:004"} <= chosen
    assert "books:005" not in chosen
    assert why(assignment, "books:001") == (
        "nearest to books:000 in kind, length and date, never seen"
    )


def test_each_forgotten_document_is_matched_in_turn():
    # Ten short and ten long ones to forget: what stands in for them is as mixed as they are.
    lengths = np.where(np.arange(200) % 2, 400, 20)
    table = pd.concat([shelf(200, tokens=lengths), shelf(9, "arxiv")], ignore_index=True)
    config = SMALL.model_copy(update={"approximate_tokens": 4000})
    assignment = assign(table, {f"books:{number:03}": "" for number in range(20)}, {}, config)
    matched = assignment.loc[assignment["split"] == "approximate", "tokens"]
    assert abs((matched == 20).sum() - (matched == 400).sum()) <= 1


def test_sizes_of_the_same_domains_shrink_alike_where_there_is_too_little(library):
    # 190 tokens of books for 300 + 40 + 40 asked: half of each.
    config = SplitsConfig(
        retain_tokens=300, general_tokens=30, approximate_tokens=40, test_tokens=40
    )
    assert tokens(assign(library, {"books:000": ""}, {}, config)) == {
        "forget": 10, "retain": 150, "general": 30, "approximate": 20, "test": 20, LEFT_OUT: 70,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"retain_tokens": 10_000}, r"splits\.approximate_tokens=20|splits\.retain_tokens=10000"),
        ({"general_tokens": 401}, r"splits\.general_tokens=401: only 100 tokens of other domains"),
        ({"test_tokens": 1000}, r"splits\."),
    ],
)
def test_a_split_under_a_quarter_of_its_size_is_refused_by_name(library, sizes, says):
    with pytest.raises(ConfigError, match=says):
        assign(library, {"books:000": ""}, {}, SMALL.model_copy(update=sizes))


def test_a_quarter_is_enough(library):
    config = SMALL.model_copy(update={"general_tokens": 400})
    assert tokens(assign(library, {"books:000": ""}, {}, config))["general"] == 100


def test_a_corpus_of_one_domain_has_no_general_text_and_says_so():
    with pytest.raises(ConfigError, match=r"splits\.general_tokens=30: only 0 tokens of other"):
        assign(shelf(20), {"books:000": ""}, {}, SMALL)


@pytest.mark.parametrize("seed", range(8))
def test_a_large_cluster_of_many_documents_does_not_swamp_a_split(library, seed):
    many = shelf(90, "arxiv", cluster="arxiv:000")
    many["doc_id"] = [f"arxiv:9{number:02}" for number in range(90)]
    table = pd.concat([library, many], ignore_index=True)
    config = SMALL.model_copy(update={"seed": seed})
    assert tokens(assign(table, {"books:000": ""}, {}, config))["general"] == 30


@st.composite
def corpora(draw):
    """Thirty books in clusters of one to three, thirty papers, one or two clusters to forget."""
    starts = draw(st.lists(st.booleans(), min_size=30, max_size=30))
    books = shelf(30, tokens=draw(st.lists(st.integers(5, 15), min_size=30, max_size=30)))
    heads = np.maximum.accumulate(np.where(starts, np.arange(30), np.arange(30) // 3 * 3))
    books["cluster"] = [books["doc_id"][head] for head in heads]
    table = pd.concat([books, shelf(30, "arxiv")], ignore_index=True)
    chosen = draw(
        st.sets(st.sampled_from(sorted(set(books["cluster"][:10]))), min_size=1, max_size=2)
    )
    forget = dict.fromkeys(table.loc[table["cluster"].isin(chosen), "doc_id"], "asked")
    beside = draw(st.sets(st.sampled_from(sorted(set(books["doc_id"][10:]))), max_size=4))
    return table, forget, dict.fromkeys(beside, "close")


@settings(max_examples=60)
@given(corpora(), st.integers(0, 2**32), st.randoms())
def test_every_document_is_once_somewhere_and_no_cluster_is_on_two_sides(corpus, seed, random):
    table, forget, beside = corpus
    config = SMALL.model_copy(update={"seed": seed})
    assignment = assign(table, forget, beside, config)

    assert sorted(assignment["doc_id"]) == sorted(table["doc_id"])
    used = assignment[assignment["split"] != LEFT_OUT]
    assert (used.groupby("cluster")["split"].nunique() == 1).all()
    assert set(used.loc[used["split"] == "forget", "doc_id"]) == set(forget)
    assert not set(used.loc[used["split"].isin(["approximate", "test"]), "doc_id"]) & set(beside)
    assert (assignment["reason"] != "").all()
    for split in ("retain", "general", "approximate", "test"):
        part = used[used["split"] == split]
        largest = part.groupby("cluster")["tokens"].sum().max()
        assert part["tokens"].sum() < getattr(config, f"{split}_tokens") + largest

    order = list(range(len(table)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(assign(table.iloc[order], forget, beside, config), assignment)


def test_a_later_event_retains_all_that_the_model_saw_and_draws_the_unseen_from_the_rest(library):
    # Of 20 books ten were seen and one of them forgotten; of ten papers four were seen.
    seen = [f"books:{number:03}" for number in range(10)] + [f"arxiv:{at:03}" for at in range(4)]
    history = History(seen=tuple(seen), forgotten=("books:000",))
    config = SMALL.model_copy(update={"history": history})
    assignment = assign(library, {"books:001": "asked"}, {}, config)
    by_split = assignment.groupby("split")["doc_id"].agg(set)
    assert by_split["retain"] == {f"books:{number:03}" for number in range(2, 10)}
    assert by_split["general"] == {f"arxiv:{number:03}" for number in range(4)}
    assert not (by_split["approximate"] | by_split["test"]) & set(seen)
    assert why(assignment, "books:000") == "forgotten before"


def test_a_document_that_came_later_and_copies_what_was_seen_is_in_no_split(library):
    library.loc[library["doc_id"] == "books:015", "cluster"] = "books:005"
    seen = [f"books:{number:03}" for number in range(10)] + ["arxiv:000"]
    config = SMALL.model_copy(update={"history": History(seen=tuple(seen)), "general_tokens": 10})
    assignment = assign(library, {"books:001": "asked"}, {}, config)
    assert where(assignment, "books:015") == LEFT_OUT
    assert where(assignment, "books:005") == "retain"
