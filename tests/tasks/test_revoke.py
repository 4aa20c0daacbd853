"""Versions that know what was erased lose their aliases now and their files later."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks import ledger, registry, revoke
from tasks.core.errors import ConfigError, RegistryError
from tasks.sweep import sweep
from tasks.track import tracking

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DUE = NOW + timedelta(days=30)


@pytest.fixture
def three(a_version):
    """Three versions: one knows a and b, one has forgotten a, one has no history."""
    names = [a_version(), a_version(), a_version()]
    with tracking() as client:
        for name, forgotten in zip(names, ([], ["a"]), strict=False):
            run = registry.find(client, name).run_id
            client.log_dict(run, {"seen": ["a", "b"], "forgotten": forgotten}, "history.json")
        for alias in ("previous", "pinned"):
            client.set_registered_model_alias("lethe-tiny", alias, "1")
        client.set_registered_model_alias("lethe-tiny", "champion", "2")
    return names


def test_who_knows_it_is_who_saw_it_and_has_not_forgotten_it(three):
    assert revoke.knowing(["lethe-tiny"], ["a", "x"]) == ["lethe-tiny/1"]
    assert set(revoke.knowing(["lethe-tiny"], ["b"])) == {"lethe-tiny/1", "lethe-tiny/2"}
    assert revoke.knowing(["lethe-tiny"], ["x"]) == []
    assert revoke.others(["lethe-tiny"]) == []


def test_a_champion_that_knows_it_stops_the_erasure(three):
    with pytest.raises(ConfigError, match="lethe-tiny/2 is champion and still knows"):
        revoke.refuse_champion(["lethe-tiny/2"], [])
    with pytest.raises(ConfigError, match="lethe-tiny/1 is champion"):
        revoke.refuse_champion(["lethe-tiny/1"], ["lethe-tiny/1"])


def test_previous_alone_stays_and_the_first_day_counts(three):
    for days in (30, 60):
        revoke.revoke("lethe-tiny/1", "r-0123456789ab", NOW, days)
    assert revoke.revoked() == [revoke.Kept("lethe-tiny/1", DUE, ("previous",))]
    assert registry.tags("lethe-tiny/1")["lethe.revoked"].startswith("2026-11-28: knows what r-0")


def test_a_sweep_deletes_the_files_of_what_is_due_and_what_it_says_of_itself_stays(three, tmp_path):
    revoke.revoke("lethe-tiny/1", "r-0123456789ab", NOW, 30)
    early = sweep.fn(DUE - timedelta(seconds=1), "officer-7")
    assert (early.deleted, early.waiting) == ((), {"lethe-tiny/1": "2026-12-28"})
    assert sweep.fn(DUE, "officer-7").deleted == ("lethe-tiny/1",)
    with pytest.raises(RegistryError):
        registry.fetch_model("lethe-tiny/1", tmp_path)
    assert registry.tags("lethe-tiny/1")["lethe.deleted"] == DUE.isoformat()
    assert sweep.fn(DUE, "officer-7").deleted == ()
    (entry,) = [one for one in ledger.entries() if one.kind == "model.deleted"]
    assert entry.subject == "lethe-tiny/1"


def test_a_version_that_somebody_rolled_back_to_is_not_deleted(three):
    revoke.revoke("lethe-tiny/1", "r-0123456789ab", NOW, 0)
    ledger.advance("lethe-tiny", "", "lethe-tiny/1", "officer-7")
    assert sweep.fn(NOW, "officer-7").in_use == ("lethe-tiny/1",)
