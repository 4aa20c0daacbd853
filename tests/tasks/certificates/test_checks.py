import math

import pytest

from tasks.certificates.checks import figures, files
from tasks.certificates.statement import Figure

TOLD = {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("found", "holds", "message"),
    [
        ({"a": "1", "b": "2"}, True, "2 files of x as certified"),
        ({"a": "1"}, False, "x: b missing"),
        ({"a": "1", "b": "3"}, False, "x: b changed"),
        ({"a": "1", "b": "2", "c": "3"}, False, "x: c not certified"),
        ({"a": "0", "c": "3"}, False, "x: b missing; a changed; c not certified"),
        ({}, False, "x: a, b missing"),
    ],
)
def test_files_are_compared_one_by_one(found, holds, message):
    assert files("model", TOLD, found, "x") == ("model", holds, message)


def test_of_many_files_a_few_are_named():
    told = {str(number): "1" for number in range(9)}
    assert files("model", told, {}, "x").message == "x: 0, 1, 2 and 6 more missing"


def figure(value, low=1.0, high=3.0):
    return {"unlearned": {"forget/perplexity": Figure(value=value, low=low, high=high)}}


def test_a_figure_that_is_computed_again_is_the_same():
    assert figures(figure(2.0), figure(2.0)) == (
        "metrics", True, "1 figures of unlearned computed again",
    )  # fmt: skip


def test_the_last_digits_are_those_of_the_machine():
    assert figures(figure(2.0), figure(2.0 * (1 + 1e-12))).holds
    assert not figures(figure(2.0), figure(2.0 * (1 + 1e-6))).holds


def test_what_was_not_known_is_not_known_again():
    assert figures(figure(2.0, low=math.nan), figure(2.0, low=math.nan)).holds
    assert not figures(figure(2.0, low=math.nan), figure(2.0)).holds


def test_another_interval_is_another_figure():
    found = figures(figure(2.0), figure(2.0, high=3.5))
    assert found == (
        "metrics", False,
        "unlearned forget/perplexity is 2 (1 to 3.5), certified is 2 (1 to 3)",
    )  # fmt: skip


def test_a_figure_that_cannot_be_computed_is_missing():
    assert figures(figure(2.0), {}).message == (
        "unlearned forget/perplexity is missing, certified is 2 (1 to 3)"
    )
