import math

import numpy as np
import pytest

from tasks.metrics.statistics import Sampling, mean_interval
from tasks.metrics.subgroups import NOT_KNOWN, THIRDS, grouped, labelled, thirds, worst

SAMPLING = Sampling(100, 0.9, 0)
IDS = ("a", "b", "c", "d")


def test_the_worst_are_the_largest_first_and_never_the_missing():
    exposures = np.array([0.5, np.nan, 2.0, -1.0])
    assert worst(IDS, exposures, 2) == [("c", 2.0), ("a", 0.5)]
    assert [one.doc_id for one in worst(IDS, exposures, 9)] == ["c", "a", "d"]


def test_documents_that_are_alike_stand_in_the_order_of_the_split():
    assert [one.doc_id for one in worst(IDS, np.ones(4), 3)] == ["a", "b", "c"]


def test_a_mean_per_group_the_worst_served_first_and_the_unscored_counted():
    values = np.array([1.0, np.nan, 3.0, 7.0])
    # x: 1 and 3; y: nothing, and 3 and 7 are z's
    found = grouped(values, [["x"], ["y"], ["x", "z"], ["z"]], SAMPLING)
    assert [one[:4] for one in found[:2]] == [
        ("z", 2, 0, pytest.approx(5)), ("x", 2, 0, pytest.approx(2))
    ]  # fmt: skip
    assert found[0][4:] == mean_interval(np.array([3.0, 7.0]), SAMPLING)
    assert found[2][:3] == ("y", 1, 1)
    assert math.isnan(found[2].mean)


def test_who_has_no_label_is_a_group_of_its_own_and_nobody_counts_twice_in_one():
    found = grouped(np.array([1.0, 2.0]), [[], ["x", "x"]], SAMPLING)
    assert [one[:4] for one in found] == [("x", 1, 0, 2), (NOT_KNOWN, 1, 0, 1)]
    assert all(math.isnan(end) for one in found for end in one[4:])  # of one document


def test_labels_come_from_the_columns_of_a_split():
    facts = [
        {"author": ["A. One", "B. Two"], "group": "arxiv-month:2017-05", "date": "2017-05-01"},
        {"author": [], "group": "book:1", "date": None},
    ]
    found = labelled(facts, np.array([10, 90]))
    assert found["author"] == [("A. One", "B. Two"), ()]
    assert found["group"] == [("arxiv-month:2017-05",), ("book:1",)]
    assert found["year"] == [("2017",), ()]
    assert found["length"] == [(THIRDS[0],), (THIRDS[2],)]


def test_thirds_are_by_length_and_equal_lengths_stay_together():
    # edges at 3 and 5 (linear quantiles of 1..7 at 1/3 and 2/3)
    assert thirds(np.arange(1, 8)) == [*3 * [THIRDS[0]], *2 * [THIRDS[1]], *2 * [THIRDS[2]]]
    assert set(thirds(np.full(9, 20))) == {THIRDS[0]}
    assert thirds(np.array([], dtype=np.int64)) == []
