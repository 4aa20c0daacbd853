"""A champion that somebody made past Lethe is noticed, and marked."""

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tasks import champions, ledger, registry
from tasks.core.errors import ConfigError, RegistryError
from tasks.promote import carry_out, roll_back


@pytest.fixture
def served(database, a_version):
    """A champion, and a version after it that is none."""
    version = a_version()
    carry_out.fn(version, "approve", "officer-7", "the first")
    return version, a_version(parent=version)


def by_hand(database, number):
    database.set_registered_model_alias("lethe-tiny", "champion", number)


def champion(database):
    return registry.called(database.get_model_version_by_alias("lethe-tiny", "champion"))


def test_a_champion_of_the_ledger_is_nothing_to_tell(served):
    assert champions.unverified("lethe-tiny") == ""
    assert champions.unverified("lethe-nobody") == ""


def test_a_champion_made_by_hand_is_told_and_tagged(database, served):
    by_hand(database, "2")
    assert champions.unverified("lethe-tiny") == (
        "lethe-tiny: the champion in MLflow is lethe-tiny/2, which Lethe did not do; in the ledger "
        "it is lethe-tiny/1; lethe promote lethe-tiny/1 puts that back"
    )
    assert "found 20" in registry.tags("lethe-tiny/2")["lethe.unverified"]


def test_it_is_tagged_with_when_it_was_found_first(database, served):
    by_hand(database, "2")
    champions.unverified("lethe-tiny")
    first = registry.tags("lethe-tiny/2")["lethe.unverified"]
    champions.unverified("lethe-tiny")
    assert registry.tags("lethe-tiny/2")["lethe.unverified"] == first


def test_an_alias_that_was_taken_away_is_told(database, served):
    database.delete_registered_model_alias("lethe-tiny", "champion")
    assert "the champion in MLflow is none" in champions.unverified("lethe-tiny")


def test_a_first_champion_made_by_hand_is_told(database, a_version):
    a_version()
    by_hand(database, "1")
    assert champions.unverified("lethe-tiny").endswith("in the ledger it is none")


def test_a_promotion_that_was_interrupted_is_not_taken_for_one_by_hand(
    database, served, monkeypatch
):
    def gone(*_):
        raise MlflowException("the server is gone")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_registered_model_alias", gone)
        with pytest.raises(RegistryError):
            carry_out.fn(served[1], "approve", "officer-7", "as agreed")
    assert "interrupted; run it again" in champions.unverified("lethe-tiny")
    assert "lethe.unverified" not in registry.tags("lethe-tiny/1")


def test_promoting_the_ledgers_champion_puts_it_back(database, served):
    by_hand(database, "2")
    carry_out.fn("lethe-tiny/1", "approve", "officer-7", "as it was")
    assert champion(database) == "lethe-tiny/1"
    assert "lethe.unverified" in registry.tags("lethe-tiny/2")
    assert registry.tags("lethe-tiny/1")["lethe.promoted_why"] == "the first"


def test_what_was_made_champion_by_hand_is_verified_once_it_is_promoted(database, served):
    by_hand(database, "2")
    champions.unverified("lethe-tiny")
    carry_out.fn("lethe-tiny/2", "approve", "officer-7", "as agreed")
    assert "lethe.unverified" not in registry.tags("lethe-tiny/2")


def test_a_rollback_leaves_what_was_made_by_hand_to_a_person(database, a_version, served):
    carry_out.fn(served[1], "approve", "officer-7", "as agreed")
    a_version()
    by_hand(database, "3")
    with pytest.raises(RegistryError, match="which Lethe did not do"):
        roll_back.fn("lethe-tiny", "officer-7", "it stutters")
    assert ledger.champion("lethe-tiny") == "lethe-tiny/2"


def test_without_a_champion_there_is_nothing_to_settle():
    with pytest.raises(ConfigError, match="lethe-tiny has no champion yet"):
        champions.settle("lethe-tiny", "why")


def test_the_lineage_of_a_version_is_where_it_came_from(served):
    assert champions.lineage(served[1]) == ["lethe-tiny/2", "lethe-tiny/1"]
    assert champions.lineage("") == []
