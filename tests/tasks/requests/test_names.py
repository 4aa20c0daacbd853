import pytest

from tasks.requests.names import folded, variants

SPELLINGS = [
    "D. Sornette", "D Sornette", "Sornette, Didier", "Sornette, D.", "Didier M. Sornette",
    "Didier Sornett\u00e9", "SORNETTE Didier",
]  # fmt: skip


def offered(asked, *names):
    return variants([asked], names)[asked]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_that_may_be_the_same_person_is_offered(spelling):
    assert offered("Didier Sornette", spelling) == [spelling]
    assert offered(spelling, "Didier Sornette") == ["Didier Sornette"]


@pytest.mark.parametrize(
    "other", ["Anne Sornette", "M. Sornette", "Didier Sornettino", "Didier Martin", "D. M. Sorel"]
)
def test_somebody_else_is_not(other):
    assert offered("Didier Sornette", other) == []


def test_the_same_name_in_another_case_is_no_variant():
    assert folded("didier  SORNETTE") == folded("Didier Sornette")
    assert offered("Didier Sornette", "didier  SORNETTE") == []


def test_a_hyphen_and_a_missing_middle_name_do_not_hide_a_person():
    assert offered("Jean-Philippe Bouchaud", "Jean Philippe Bouchaud", "J.-P. Bouchaud") == [
        "J.-P. Bouchaud",
        "Jean Philippe Bouchaud",
    ]
    assert offered("John R. Smith", "John Smith") == ["John Smith"]


def test_two_middle_names_that_differ_are_two_people():
    assert offered("John R. Smith", "John T. Smith") == []


def test_a_suffix_does_not_become_the_family_name():
    assert offered("Martin L. King, Jr.", "Martin Luther King") == ["Martin Luther King"]


def test_a_name_of_nothing_but_signs_offers_nobody():
    assert offered("...", "Didier Sornette", "???") == []
