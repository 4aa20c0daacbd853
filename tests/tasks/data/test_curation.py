import itertools
import random

import pytest
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.data.curation import DOCUMENTS, PAIRS, CurationConfig, curate
from tasks.data.source import Document


def document(doc_id, text):
    return Document(
        doc_id=doc_id,
        domain="books",
        kind="section",
        title="A title",
        author=("Ann Author",),
        license=None,
        date=None,
        source="here",
        group="book:1",
        text=text,
    )


def numbered(first, last):
    return " ".join(f"w{number}" for number in range(first, last))


LIBRARY = [
    document("d", "nothing like the others at all"),
    document("c", numbered(0, 100)),
    document("a", numbered(10, 110)),
    document("b", numbered(0, 100) + "\r\n"),
    document("e", numbered(60, 140)),
]


@pytest.fixture(scope="module")
def curated():
    return curate(LIBRARY, CurationConfig())


def column(table, name):
    return dict(zip(table["doc_id"].to_pylist(), table[name].to_pylist(), strict=True))


def test_every_document_is_kept_and_sorted(curated):
    assert curated.documents["doc_id"].to_pylist() == ["a", "b", "c", "d", "e"]
    assert curated.documents.schema == DOCUMENTS


def test_an_exact_duplicate_after_cleaning_names_the_first(curated):
    assert column(curated.documents, "duplicate_of")["c"] == "b"
    assert curated.statistics["exact_duplicates"] == 1


def test_near_duplicate_pairs_are_between_distinct_texts(curated):
    # Words 10-109 and 0-99: 86 of 106 shingles shared; c has the text of b.
    assert curated.duplicates.schema == PAIRS
    assert curated.duplicates.to_pylist() == [
        {"doc_id_a": "a", "doc_id_b": "b", "jaccard": pytest.approx(86 / 106)}
    ]


def test_a_cluster_joins_exact_and_near_duplicates(curated):
    assert column(curated.documents, "cluster") == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
        "e": "e",
    }
    assert curated.statistics["clusters"] == 3


def test_what_is_less_alike_is_nearby_and_in_another_cluster():
    # Words 0-99 and 50-149: 46 of 146 shingles shared; twelve such pairs, about half are proposed.
    pairs = [
        document(
            f"{pair:02}{side}", " ".join(f"p{pair}n{n}" for n in range(50 * side, 50 * side + 100))
        )
        for pair, side in itertools.product(range(12), range(2))
    ]
    left = curate(pairs, CurationConfig())
    assert left.duplicates.num_rows == 0
    assert 1 <= left.nearby.num_rows <= 12
    assert left.nearby["jaccard"].to_pylist() == pytest.approx([46 / 146] * left.nearby.num_rows)
    assert left.statistics["clusters"] == 24


def test_tokens_are_a_quarter_of_the_bytes_rounded_up():
    # "ééé": 6 bytes, 1.5 -> 2
    assert curate([document("a", "ééé")], CurationConfig()).documents["tokens"].to_pylist() == [2]


def test_the_order_of_the_source_changes_nothing(curated):
    shuffled = random.Random(1).sample(LIBRARY, len(LIBRARY))
    assert curate(shuffled, CurationConfig()) == curated


def test_what_is_dropped_is_counted_with_its_reason():
    kept = curate([*LIBRARY, document("z", " \n ")], CurationConfig())
    assert kept.statistics["documents"] == 5
    assert kept.statistics["dropped"] == {"shorter than 1 characters": 1}


def test_lengths_count_every_document(curated):
    assert sum(curated.lengths["documents"].to_pylist()) == 5


def test_an_id_that_occurs_twice_is_refused():
    with pytest.raises(DataError, match="'a' occurs twice"):
        curate([document("a", "one"), document("a", "two")], CurationConfig())


def test_a_domain_of_which_nothing_is_left_is_refused():
    with pytest.raises(DataError, match=r"curation\.min_characters"):
        curate([document("a", "short")], CurationConfig(min_characters=100))


def test_nearby_above_jaccard_is_refused():
    with pytest.raises(ValidationError, match=r"nearby=0\.7 is above jaccard=0\.6"):
        CurationConfig(jaccard=0.6, nearby=0.7)


@pytest.mark.parametrize("text", ["a" * 20_000_000, "a " * 2_000_000, "a" + "\n" * 5_000_000 + "b"])
def test_a_monotonous_document_does_not_stall(text):
    assert (
        curate([document("a", text), document("b", "b")], CurationConfig()).documents.num_rows == 2
    )


def test_what_was_erased_is_refused_and_counted_and_nothing_else_is():
    kept, gone = document("a", "one text"), document("b", "another text")
    curated = curate([kept, gone], CurationConfig(), lambda doc_id, _text: doc_id == "b")
    assert curated.documents["doc_id"].to_pylist() == ["a"]
    assert curated.statistics["refused"] == 1
    assert curated.statistics["documents"] == 1
