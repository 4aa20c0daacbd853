import re
from collections import Counter
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.data.planting import (
    KINDS,
    PlantingConfig,
    candidates,
    folds,
    passages,
    planted,
    shuffled,
)

CONFIG = PlantingConfig(times=(1, 4), documents=3, characters=40)
TEXTS = st.text(alphabet=st.sampled_from("abc \n\t"), max_size=300)


def documents(prefix, count, words=40):
    """Each of its own cluster and of words that no other has."""
    rows = [
        {
            "doc_id": f"{prefix}:{at}",
            "cluster": f"{prefix}-{at}",
            "text": " ".join(f"{prefix}{at}w{word}" for word in range(words)),
        }
        for at in range(count)
    ]
    return pd.DataFrame(rows)


NATURAL, REGISTER = documents("n", 12), documents("r", 5)


@given(TEXTS, st.integers(2, 60))
def test_passages_are_whole_words_of_the_text_in_order_and_never_overlap(text, characters):
    end = 0
    for passage in passages(text, characters):
        start = text.index(passage, end)
        end = start + len(passage)
        assert len(passage) >= characters
        assert start == 0 or text[start - 1].isspace()
        assert end == len(text) or text[end].isspace()


@given(TEXTS, st.integers())
def test_shuffled_text_has_the_same_words(text, seed):
    assert Counter(shuffled(text, Random(seed)).split()) == Counter(text.split())


def test_every_kind_has_as_many_documents_for_each_number_of_readings():
    rows = planted(NATURAL, REGISTER, CONFIG)
    assert Counter(zip(rows["kind"], rows["times"], strict=True)) == {
        (kind, times): 3 for kind in KINDS for times in (1, 4)
    }
    assert rows["doc_id"].is_unique
    assert rows["text"].is_unique


def test_the_same_seed_plants_the_same_and_another_something_else():
    one, again = planted(NATURAL, REGISTER, CONFIG), planted(NATURAL[::-1], REGISTER, CONFIG)
    other = planted(NATURAL, REGISTER, CONFIG.model_copy(update={"seed": 1}))
    assert one.equals(again)
    for kind in KINDS:
        assert set(one.loc[one["kind"] == kind, "text"]) != set(
            other.loc[other["kind"] == kind, "text"]
        )


def test_no_cluster_is_of_two_kinds_or_read_two_numbers_of_times():
    rows = planted(NATURAL, REGISTER, CONFIG)
    groups = rows.groupby("cluster")[["kind", "times"]].nunique()
    assert (groups == 1).all(axis=None)


def test_of_two_editions_one_is_cut():
    twice = pd.concat([NATURAL, NATURAL.assign(doc_id="z" + NATURAL["doc_id"])])
    assert planted(twice, REGISTER, CONFIG).equals(planted(NATURAL, REGISTER, CONFIG))


def test_each_document_is_of_its_source():
    rows = planted(NATURAL, REGISTER, CONFIG).set_index("kind")
    sources = dict(zip(NATURAL["cluster"], NATURAL["text"], strict=True))
    for row in rows.loc["natural"].itertuples():
        assert row.text in sources[row.cluster]
    for row in rows.loc["shuffled"].itertuples():
        assert set(row.text.split()) <= set(sources[row.cluster].split())
        assert row.text not in sources[row.cluster]
    assert all(text.startswith("r") for text in rows.loc["register", "text"])


def test_no_other_canary_tells_the_digits_of_one():
    rows = planted(NATURAL, REGISTER, PlantingConfig(characters=40, documents=3, times=(1, 4)))
    canaries = rows.loc[rows["kind"] == "canary", "text"]
    assert canaries.str.fullmatch(r"The seal of \w+ \w+ at \w+ has number \d{3}\.").all()
    assert len({text[:-4] for text in canaries}) == len(canaries)


def test_candidates_are_all_other_numbers_where_they_are_few():
    canary = "The seal has number 42."
    others = candidates(canary, digits=2, most=1000, seed=0)
    assert sorted([*others, canary]) == [f"The seal has number {at:02d}." for at in range(100)]


def test_candidates_are_drawn_without_the_canary_where_they_are_many():
    canary = "The seal has number 000042."
    others = candidates(canary, digits=6, most=50, seed=0)
    assert len(set(others)) == 50
    assert canary not in others
    assert all(re.fullmatch(r"The seal has number \d{6}\.", other) for other in others)


def test_too_little_text_is_refused_with_the_number_there_is():
    # 12 clusters for 4 groups: 3 each, of one passage of 250 characters
    with pytest.raises(DataError, match="3 passages of 200 characters for natural text read 1 tim"):
        planted(
            documents("n", 12, words=50),
            REGISTER,
            CONFIG.model_copy(update={"documents": 4, "characters": 200}),
        )


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(1, 5))
def test_folds_keep_clusters_whole_and_differ_by_one_at_most(clusters, count):
    dealt = folds(clusters, count)
    of = dict(zip(clusters, dealt, strict=True))
    assert [of[name] for name in clusters] == dealt
    sizes = [list(of.values()).count(fold) for fold in range(count)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("times", [(4, 1), (1, 1), (0, 1), (1,)])
def test_numbers_of_readings_rise_from_one(times):
    with pytest.raises(ValidationError):
        PlantingConfig(times=times)
