"""Promotion in a real registry and a real ledger, both SQLite; the files are small and no weights."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tasks import champions, ledger, registry
from tasks.core.errors import BusyError, ConfigError, RegistryError
from tasks.core.settings import PROJECT
from tasks.promote import carry_out, propose, roll_back

VERIFIED = ("planned", "approved", "running", "verified")


@pytest.fixture
def adopted(database, a_version):
    """The first champion, as the first event makes it."""
    version = a_version(adopted="true")
    database.set_registered_model_alias("lethe-tiny", "champion", "1")
    ledger.advance("lethe-tiny", "", version, "lethe")
    return version


@pytest.fixture
def candidate(database, a_version, a_request, adopted):
    """A version that answers a verified request."""
    return a_version(parent=adopted, requests=[a_request(*VERIFIED)])


def approved(version, by="officer-7"):
    return carry_out.fn(version, "approve", by, "as agreed")


def aliases(database, model="lethe-tiny"):
    known = database.get_registered_model(model).aliases
    return {alias: str(number) for alias, number in known.items()}


def status(version):
    (id,) = champions.answered(registry.tags(version))
    return ledger.find(id).status


def files(database, version):
    """Where a version lies."""
    name, number = champions.parted(version)
    logged = database.get_model_version(name, number).source.removeprefix("models:/")
    return Path(database.get_logged_model(logged).artifact_location.removeprefix("file://"))


def test_a_promotion_moves_the_ledger_the_aliases_the_tags_and_the_requests(database, candidate):
    ruling = approved(candidate)
    assert ledger.champion("lethe-tiny") == candidate == ruling.champion
    assert aliases(database) == {"champion": "2", "previous": "1"}
    tags = registry.tags(candidate)
    assert tags["lethe.promoted_by"] == "officer-7"
    assert tags["lethe.promoted_why"] == "as agreed"
    assert tags["lethe.promoted_at"] == ledger.entries()[-2].at.isoformat()  # then the request
    assert list(ruling.requests.values()) == ["promoted"] == [status(candidate)]
    assert ledger.broken() == ""


def test_a_promotion_that_was_made_is_not_made_again(candidate):
    approved(candidate)
    before = registry.tags(candidate), ledger.head()
    approved(candidate, "officer-8")
    assert (registry.tags(candidate), ledger.head()) == before


def test_a_version_that_came_without_a_request_is_promoted(database, a_version):
    assert approved(a_version()).requests == {}
    assert aliases(database) == {"champion": "1"}


def test_the_proposal_says_what_a_person_is_to_know(candidate):
    proposal = propose.fn(candidate)
    assert proposal.champion == "lethe-tiny/1"
    assert "- forgets enough" in proposal.shown
    assert f"| {proposal.requests[0]} | objection |" in proposal.shown
    assert "Marta Quill" not in proposal.shown


def test_who_may_not_decide_changes_nothing(candidate, monkeypatch):
    monkeypatch.setenv("LETHE_APPROVERS", "officer-1,officer-2")
    with pytest.raises(ConfigError, match="may not approve"):
        approved(candidate)
    with pytest.raises(ConfigError, match="may not approve"):
        roll_back.fn("lethe-tiny", "officer-7", "as agreed")
    assert ledger.champion("lethe-tiny") == "lethe-tiny/1"


def test_a_version_that_is_not_there_is_refused(candidate):
    with pytest.raises(RegistryError, match=r"no model version 'lethe-tiny/9': there are"):
        propose.fn("lethe-tiny/9")


def test_files_that_are_not_those_registered_are_refused(database, candidate):
    (files(database, candidate) / "model" / "model.json").write_text("others")
    with pytest.raises(RegistryError, match="lethe-tiny/2: its files have digest"):
        approved(candidate)
    assert ledger.champion("lethe-tiny") == "lethe-tiny/1"


def test_files_that_nobody_registered_are_refused(database, candidate):
    database.delete_model_version_tag("lethe-tiny", "2", registry.FILES)
    with pytest.raises(RegistryError, match="was not registered by Lethe"):
        approved(candidate)


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        ("lethe.verdict", "fail", r"has not passed the gate \(lethe.verdict is fail\)"),
        ("lethe.revoked", "2026-01-01", "is revoked"),
    ],
)
def test_a_version_that_may_not_serve_is_refused(database, candidate, tag, value, said):
    database.set_model_version_tag("lethe-tiny", "2", tag, value)
    with pytest.raises(ConfigError, match=f"lethe-tiny/2 {said}"):
        approved(candidate)


def test_a_version_of_another_champion_is_refused(database, a_version, adopted, candidate):
    other = a_version(parent=adopted)
    approved(candidate)
    with pytest.raises(BusyError, match="made from lethe-tiny/1, and champion is now lethe-tiny/2"):
        approved(other)
    assert aliases(database) == {"champion": "2", "previous": "1"}


def test_a_request_that_is_not_verified_is_refused(candidate):
    (id,) = champions.answered(registry.tags(candidate))
    ledger.move(id, "planned", "officer-7", "its gate was wrong")
    with pytest.raises(ConfigError, match=f"{id} is planned, not verified"):
        approved(candidate)


def test_a_request_that_another_version_answers_is_refused(candidate):
    (id,) = champions.answered(registry.tags(candidate))
    ledger.note_event([id], "lethe-tiny", "event-9", "lethe-tiny/9")
    with pytest.raises(ConfigError, match=f"lethe-tiny/2 answers {id} no more"):
        approved(candidate)


def test_a_request_is_promoted_with_the_last_of_its_models(database, a_version, a_request):
    models = ("lethe-tiny", "lethe-other")
    id = a_request(*VERIFIED, models=models)
    first, last = (a_version(requests=[id], model=model) for model in models)
    assert approved(first).requests == {id: "verified"}
    assert approved(last).requests == {id: "promoted"}


def test_a_request_that_another_model_has_yet_to_forget_does_not_hold_this_one_up(
    database, a_version, a_request
):
    id = a_request("planned", "approved", models=("lethe-tiny", "lethe-other"))
    assert approved(a_version(requests=[id])).requests == {id: "approved"}


def test_a_later_promotion_keeps_what_the_one_before_it_answered(
    database, a_version, a_request, candidate
):
    both = a_request(*VERIFIED, author="Ana Reed", models=("lethe-tiny", "lethe-other"))
    approved(candidate)
    approved(a_version(parent=candidate, requests=[both]))
    approved(a_version(parent="lethe-tiny/3"))
    assert approved(a_version(requests=[both], model="lethe-other")).requests == {both: "promoted"}


def test_what_is_rejected_waits_for_another_answer(database, candidate):
    ruling = carry_out.fn(candidate, "reject", "officer-7", "forgets too much")
    ((id, stands),) = ruling.requests.items()
    assert stands == "planned"
    assert ledger.find(id).events == ()
    assert registry.tags(candidate)["lethe.rejected_why"] == "forgets too much"
    assert ledger.champion("lethe-tiny") == "lethe-tiny/1"
    with pytest.raises(ConfigError, match="no more"):
        approved(candidate)
    assert ledger.broken() == ""


def test_what_serves_cannot_be_rejected(candidate):
    approved(candidate)
    with pytest.raises(ConfigError, match="roll that back first"):
        carry_out.fn(candidate, "reject", "officer-7", "second thoughts")


def test_a_rollback_puts_back_what_was_before(database, candidate):
    approved(candidate)
    ruling = roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    assert ledger.champion("lethe-tiny") == "lethe-tiny/1" == ruling.champion
    assert aliases(database) == {"champion": "1"}
    tags = registry.tags(candidate)
    assert (tags["lethe.rolled_back_by"], tags["lethe.rolled_back_why"]) == (
        "officer-8", "it stutters",
    )  # fmt: skip
    assert status(candidate) == "verified"
    assert ledger.broken() == ""


def test_what_was_rolled_back_can_be_promoted_again(database, candidate):
    approved(candidate)
    roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    approved(candidate, "officer-9")
    assert aliases(database) == {"champion": "2", "previous": "1"}
    assert registry.tags(candidate)["lethe.promoted_by"] == "officer-9"


def test_two_rollbacks_go_back_twice(database, a_version, candidate):
    approved(candidate)
    approved(a_version(parent=candidate))
    roll_back.fn("lethe-tiny", "officer-8", "once")
    assert aliases(database) == {"champion": "2", "previous": "1"}
    roll_back.fn("lethe-tiny", "officer-8", "twice")
    assert aliases(database) == {"champion": "1"}


def test_a_rollback_in_the_same_words_goes_back_no_further(database, a_version, candidate):
    approved(candidate)
    approved(a_version(parent=candidate))
    first = roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    assert roll_back.fn("lethe-tiny", "officer-8", "it stutters") == first
    assert aliases(database) == {"champion": "2", "previous": "1"}


@pytest.mark.parametrize(
    ("model", "said"),
    [("lethe-tiny", "came from no champion"), ("../../etc", "'../../etc' has no champion")],
)
def test_nothing_before_it_is_nothing_to_go_back_to(adopted, model, said):
    with pytest.raises(ConfigError, match=said):
        roll_back.fn(model, "officer-8", "it stutters")


def test_what_is_revoked_is_not_put_back(database, candidate):
    approved(candidate)
    database.set_model_version_tag("lethe-tiny", "1", "lethe.revoked", "2026-01-01")
    with pytest.raises(ConfigError, match="lethe-tiny/1 is revoked"):
        roll_back.fn("lethe-tiny", "officer-8", "it stutters")


def test_what_knows_an_erased_text_is_not_put_back(candidate):
    approved(candidate)
    (id,) = champions.answered(registry.tags(candidate))
    ledger.move(id, "certified", "officer-7")
    ledger.forget(id, "officer-7")
    with pytest.raises(ConfigError, match=f"lethe-tiny/1 knows what {id} had erased"):
        roll_back.fn("lethe-tiny", "officer-8", "it stutters")


def test_files_that_changed_are_not_put_back(database, candidate):
    approved(candidate)
    shutil.rmtree(files(database, "lethe-tiny/1") / "components")
    with pytest.raises(RegistryError, match="is gone"):
        roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    assert ledger.champion("lethe-tiny") == candidate


CALLS = {
    "advance": ledger,
    "set_registered_model_alias": MlflowClient,
    "delete_registered_model_alias": MlflowClient,
    "set_model_version_tag": MlflowClient,
    "move": ledger,
}


def outage(patched, name, nth, heard):
    """The nth call of ``name`` fails; where it is heard, it was done all the same."""
    real, seen = getattr(CALLS[name], name), Counter()

    def call(*args, **kwargs):
        seen[name] += 1
        if seen[name] != nth:
            return real(*args, **kwargs)
        if heard:
            real(*args, **kwargs)
        raise MlflowException("the server is gone")

    patched.setattr(CALLS[name], name, call)


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize(
    ("name", "nth"),
    [("advance", 1), ("set_registered_model_alias", 1), ("set_registered_model_alias", 2),
     ("move", 1), *(("set_model_version_tag", nth) for nth in (1, 2, 3))],
)  # fmt: skip
def test_a_promotion_that_stopped_at_any_call_is_finished_by_the_same_again(
    database, candidate, monkeypatch, name, nth, heard
):
    with monkeypatch.context() as patched:
        outage(patched, name, nth, heard)
        with pytest.raises((RegistryError, MlflowException), match="the server is gone"):
            approved(candidate)
    approved(candidate)
    assert aliases(database) == {"champion": "2", "previous": "1"}
    assert registry.tags(candidate)["lethe.promoted_why"] == "as agreed"
    assert status(candidate) == "promoted"
    kinds = Counter(entry.kind for entry in ledger.entries())
    assert kinds["champion.moved"] == 2  # adopted, and this


@pytest.mark.parametrize(
    ("name", "nth"),
    [("advance", 1), ("set_registered_model_alias", 1), ("delete_registered_model_alias", 1),
     ("move", 1), *(("set_model_version_tag", nth) for nth in (1, 2, 3))],
)  # fmt: skip
def test_a_rollback_that_stopped_at_any_call_goes_back_once(
    database, a_version, candidate, monkeypatch, name, nth
):
    approved(candidate)
    with monkeypatch.context() as patched:
        outage(patched, name, nth, heard=True)
        with pytest.raises((RegistryError, MlflowException), match="the server is gone"):
            roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    roll_back.fn("lethe-tiny", "officer-8", "it stutters")
    assert aliases(database) == {"champion": "1"}
    assert registry.tags(candidate)["lethe.rolled_back_why"] == "it stutters"
    assert status(candidate) == "verified"


def test_what_was_interrupted_is_finished_before_the_next(
    database, a_version, candidate, monkeypatch
):
    with monkeypatch.context() as patched:
        outage(patched, "set_registered_model_alias", 1, heard=False)
        with pytest.raises(RegistryError):
            approved(candidate)
    approved(a_version(parent=candidate), "officer-9")
    assert aliases(database) == {"champion": "3", "previous": "2"}
    tags = registry.tags(candidate)
    assert (tags["lethe.promoted_by"], tags["lethe.promoted_why"]) == (
        "officer-7", champions.MADE_AGAIN,
    )  # fmt: skip
    assert status(candidate) == "promoted"


PROMOTE = """
import sys
from tasks.core.errors import LetheError
from tasks.promote import carry_out
print("ready", flush=True); input()
try:
    print(carry_out.fn(sys.argv[1], "approve", "officer-7", "as agreed").line)
except LetheError as error:
    print("refused:", error)
"""


def test_of_two_promotions_at_once_one_wins_and_the_other_says_so(
    database, a_version, adopted, candidate, monkeypatch
):
    monkeypatch.setenv("LETHE_WAIT_SECONDS", "200")
    versions = [candidate, a_version(parent=adopted)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTE, version], cwd=PROJECT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for version in versions
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=200)[0] for racer in racers]
    (winner,) = [at for at, line in enumerate(said) if "was promoted by officer-7" in line]
    champion = versions[winner]
    assert (
        f"refused: {versions[1 - winner]} was made from lethe-tiny/1, and champion is now {champion}"
        in said[1 - winner]
    )
    assert ledger.champion("lethe-tiny") == champion
    assert aliases(database) == {"champion": champion[-1], "previous": "1"}


def test_no_scratch_is_left(candidate, artifacts):
    approved(candidate)
    assert not [path for path in Path(artifacts / "registry").iterdir() if path.is_dir()]
