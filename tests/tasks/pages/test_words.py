import math

import pytest

from tasks.pages.words import interval, number, share


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "not measured"),
        (math.inf, "not measured"),
        (None, "not measured"),
        (0.0, "0"),
        (12.3456, "12.35"),
        (1234.5, "1,234"),
        (40_000, "40,000"),
        (2.4e11, "2.40e+11"),
        (0.00004, "4.00e-05"),
    ],
)
def test_a_number_is_short_and_a_missing_one_is_never_zero(value, written):
    assert number(value) == written


def test_a_share_has_three_digits():
    assert share(0.5) == "0.500"
    assert share(math.nan) == "not measured"


def test_an_auc_comes_with_its_interval():
    assert interval({"auc": 0.512, "auc_low": 0.44, "auc_high": 0.58}) == "0.51 (0.44 to 0.58)"


def test_an_auc_of_too_few_documents_has_no_interval():
    standing = {"auc": 0.512, "auc_low": math.nan, "auc_high": math.nan}
    assert interval(standing) == "0.51 (interval not measured)"
    assert interval({"auc": math.nan}) == "not measured"
