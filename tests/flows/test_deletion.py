"""Deletion requests answered by real events of a small model, one after the other."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from pydantic import ValidationError

from flows.deletion import DeletionConfig, deletion, described
from flows.escalation import MoreSteps, OtherPreset, Retrain
from tasks import ledger, registry
from tasks.core.errors import BusyError, ConfigError, GateError
from tasks.requests.deletion import Draft
from tasks.requests.request import Request

pytestmark = pytest.mark.timeout(900)

SMALL = str(Path(__file__).parents[1] / "stack" / "small-run.yaml")
MODEL = "lethe-small"


def ask(subject, *, models=(MODEL,), **selectors):
    draft = Draft(
        asked_by=subject, ground="copyright", received=datetime.now(UTC),
        request=Request(**selectors), models=models,
    )  # fmt: skip
    return ledger.add(draft).id


def approve(*ids):
    for id in ids:
        if ledger.find(id).status == "received":
            ledger.move(id, "planned", "officer-7")
        ledger.move(id, "approved", "officer-7", "the claim is good")


def answered(*ids, **changes):
    which = {"which": "named", "requests": ids} if ids else {"which": "pending"}
    return deletion(DeletionConfig(params=SMALL, **which, **changes))


@pytest.fixture(scope="module")
def home(tmp_path_factory, prefect_server, empty_database):
    """A folder of this module."""
    folder = tmp_path_factory.mktemp("deletion") / "artifacts"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def first(home):
    """Two requests of three are approved and answered together."""
    ids = {
        "quill": ask("subject-1", authors=["Marta Quill"]),
        "paper": ask("subject-2", doc_ids=["arxiv:toy.00004"]),
        "idle": ask("subject-3", doc_ids=["arxiv:toy.00005"]),
        "nobody": ask("subject-4", authors=["Nobody At All"]),
    }
    approve(ids["quill"], ids["paper"])
    result = answered()
    os.environ["LETHE_ARTIFACTS"] = str(home)
    return ids, result


@pytest.fixture(autouse=True)
def here(home, monkeypatch, artifacts):
    """The module's folder, and not the test's own."""
    monkeypatch.setenv("LETHE_ARTIFACTS", str(home))


def test_what_was_approved_is_verified_in_one_event_and_the_rest_waits(first):
    ids, result = first
    assert set(result.answered) == {ids["quill"], ids["paper"]}
    statuses = {name: ledger.find(id).status for name, id in ids.items()}
    assert statuses == {
        "quill": "verified", "paper": "verified", "idle": "planned", "nobody": "received",
    }  # fmt: skip


def test_the_model_before_is_the_first_champion_and_the_new_one_its_candidate(first):
    _, result = first
    (outcome,) = result.outcomes
    assert ledger.champion(MODEL) == f"{MODEL}/1"
    assert outcome.registration.model_version == f"{MODEL}/2"
    tags = registry.tags(f"{MODEL}@candidate")
    assert (tags["lethe.version"], tags["lethe.parent"]) == (f"{MODEL}/2", f"{MODEL}/1")
    assert registry.tags(f"{MODEL}@champion")["lethe.version"] == f"{MODEL}/1"


def test_each_request_has_its_own_share_of_the_event(first):
    ids, result = first
    portions = {one["id"]: one for one in result.outcomes[0].event.requests}
    assert portions.keys() == {ids["quill"], ids["paper"]}
    assert portions[ids["paper"]]["matched"] == ["arxiv:toy.00004"]
    tags = registry.tags(f"{MODEL}/2")
    assert set(tags["lethe.requests"].split(",")) == set(portions)
    forgotten = registry.history(f"{MODEL}/2").forgotten
    assert set(forgotten) == {
        doc_id for one in portions.values() for doc_id in (*one["matched"], *one["added"])
    }


def test_names_that_a_request_selects_by_are_in_nothing_that_the_event_keeps(first, home):
    _, result = first
    event = result.outcomes[0].event
    assert "Marta Quill" not in event.model_dump_json()
    plan = (event.data.path / "plan.json").read_text()
    assert "Marta Quill" not in plan


@pytest.fixture(scope="module")
def later(first):
    """A request for two sections that the first champion knows and has not forgotten."""
    return ask("subject-5", doc_ids=known()[:2])


def known():
    return sorted(one for one in registry.history(f"{MODEL}/2").known if one.startswith("books:"))


@pytest.mark.slow
def test_what_fails_the_gate_goes_through_the_escalation_and_then_back_for_a_new_approval(later):
    approve(later)
    with pytest.raises(GateError, match=r"nothing that was tried passes the gate.*report.html"):
        answered(
            later,
            changes=("gate.utility_factor=1.0000001", "gate.forgotten_share=1"),
            escalation=(MoreSteps(factor=2), OtherPreset(preset="ascent_kl")),
        )
    found = ledger.find(later)
    assert found.status == "planned"
    assert "no try passes the gate" in found.moves[-1].note
    experiment = MlflowClient(f"sqlite:///{os.environ['LETHE_ARTIFACTS']}/mlflow.db")
    (named,) = [one for one in experiment.search_experiments() if one.name == MODEL]
    runs = experiment.search_runs([named.experiment_id], "tags.`lethe.verdict` = 'fail'")
    assert len(runs) == 3  # as configured, more steps, another preset
    assert ledger.champion(MODEL) == f"{MODEL}/1"


@pytest.mark.slow
def test_a_later_event_starts_from_the_champion_and_keeps_forgotten_what_was(later):
    ledger.advance(MODEL, f"{MODEL}/1", f"{MODEL}/2", "officer-7")
    approve(later)
    (outcome,) = answered(later, escalation=(Retrain(),)).outcomes
    event = outcome.event
    assert event.champion == f"{MODEL}/2"
    before, after = (registry.history(version) for version in (f"{MODEL}/2", f"{MODEL}/3"))
    assert after.seen == before.seen
    newly = set(after.forgotten) - set(before.forgotten)
    assert newly >= set(ledger.find(later).request.doc_ids)
    taught = {doc_id for split in ("retain", "general") for doc_id in held(event.data, split)}
    assert taught == before.known - newly
    assert not taught & set(before.forgotten)


def held(data, split):
    import pyarrow.parquet as pq

    return pq.read_table(data.path / f"{split}.parquet")["doc_id"].to_pylist()


def test_a_run_that_died_leaves_nothing_running(first):
    id = ask("subject-9", doc_ids=known()[2:4])
    approve(id)
    ledger.claim([id], "lethe", "run-that-died")
    with pytest.raises(ConfigError, match=r"splits.approximate_tokens"):
        answered(id, changes=("splits.approximate_tokens=90000000",))
    assert ledger.find(id).status == "approved"
    notes = [move.note for move in ledger.find(id).moves]
    assert "the run that had it ended unanswered" in notes
    assert "the run ended without an answer" in notes


def test_what_is_answered_already_is_refused_by_its_id(first):
    ids, _ = first
    with pytest.raises(ConfigError, match=r"is verified.*does not wait for lethe-small"):
        answered(ids["quill"])


def test_a_request_that_cannot_be_planned_says_so_without_what_it_names(first):
    ids, _ = first
    with pytest.raises(ConfigError, match="cannot be planned") as caught:
        answered(ids["nobody"])
    assert "Nobody" not in str(caught.value)
    assert ids["nobody"] in str(caught.value)


def test_two_runs_do_not_answer_at_once(first, monkeypatch):
    from tasks.answer import alone

    monkeypatch.setenv("LETHE_WAIT_SECONDS", "0")
    with alone(), pytest.raises(BusyError, match="answering is held by process"):
        answered()


@pytest.mark.parametrize(
    "config", [{}, {"which": "pending", "requests": ["r-0"]}, {"asked": {}, "which": "named"}]
)
def test_a_form_that_names_nothing_or_names_and_takes_all_is_refused_at_once(config):
    with pytest.raises(ValidationError, match="which=named takes the ids"):
        DeletionConfig.model_validate(config)


def test_a_command_line_names_requests_its_own_keys_and_changes_to_the_run():
    config = described(
        ["r-1", "params=a.yaml", "unlearn.steps=3", "preset=undial", "delete.wait_hours=5"]
    )
    assert config.requests == ("r-1",)
    assert config.params == str(Path("a.yaml").absolute())
    assert config.changes == ("unlearn.steps=3", "preset=undial")
    assert config.wait_hours == 5
    assert described([]).which == "pending"
