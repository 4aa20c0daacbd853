"""The nightly audit of a small model after a real event, while its text is there and once erased."""

import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

from flows.deletion import DeletionConfig, deletion
from flows.nightly import NightlyConfig, nightly, summary
from flows.reconciling import ReconcileConfig, reconciling
from tasks import ledger, registry
from tasks.core.errors import AuditError
from tasks.phases import EVENT, PLACE
from tasks.promote import carry_out
from tasks.requests.deletion import Draft
from tasks.requests.request import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = str(Path(__file__).parents[1] / "stack" / "small-run.yaml")
MODEL = "lethe-small"
CONFIG = NightlyConfig(model=MODEL, recognise={"draws": 8, "new_tokens": 64})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder and a Prefect server of this module."""
    folder = tmp_path_factory.mktemp("nightly") / "artifacts"
    with pytest.MonkeyPatch.context() as patch, prefect_test_harness(server_startup_timeout=120):
        patch.setenv("LETHE_ARTIFACTS", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def here(home, monkeypatch, artifacts):
    """The module's folder, and not the test's own."""
    monkeypatch.setenv("LETHE_ARTIFACTS", str(home))


def ask(subject, model=MODEL, **selectors):
    draft = Draft(
        asked_by=subject, ground="copyright", received=datetime.now(UTC),
        request=Request(**selectors), models=(model,),
    )  # fmt: skip
    id = ledger.add(draft).id
    for to in ("planned", "approved"):
        ledger.move(id, to, "officer-7")
    return id


def put_alias(home, alias, number):
    uri = f"sqlite:///{home / 'mlflow.db'}"
    MlflowClient(uri, uri).set_registered_model_alias(MODEL, alias, number)


@pytest.fixture(scope="module")
def promoted(home):
    """A request is answered by version 2, which is promoted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(home))
        id = ask("subject-1", authors=["Marta Quill"])
        deletion(DeletionConfig(params=SMALL, requests=(id,), escalation=()))
        carry_out.fn(f"{MODEL}/2", "approve", "officer-7", "it passed the gate")
    return id


def logged(kind):
    return [entry for entry in ledger.entries() if entry.kind == kind]


def incidents():
    with get_client(sync_client=True) as client:
        found = client.read_artifacts()
    return [one for one in found if one.key == "lethe-incident-small"]


def test_where_nothing_serves_yet_there_is_nothing_to_audit(home):
    night = nightly(NightlyConfig(model="lethe-nobody"))
    assert (night.champion, night.run_id, night.checked) == ("", "", ())


def test_what_was_forgotten_is_measured_again_and_the_night_is_logged(promoted):
    night = nightly(CONFIG)
    (checked,) = night.checked
    assert (night.champion, checked.version) == (f"{MODEL}/2", f"{MODEL}/2")
    assert checked.findings == ()
    entry = logged("audit.passed")[-1]
    assert entry.subject == f"{MODEL}/2"
    assert entry.details["weights"] == registry.tags(f"{MODEL}/2")["lethe.weights"]
    assert (entry.details["events"], entry.details["findings"]) == (1, 0)
    assert night.run_id in registry.show(f"{MODEL}/2")["audits"]
    assert ledger.broken() == ""


def test_what_is_measured_is_the_model_in_its_deployed_precision(promoted):
    exact, rounded = (
        nightly(CONFIG.model_copy(update={"precision": precision})).checked[0].figures
        for precision in ("float32", "bfloat16")
    )
    change = abs(exact["forget"]["perplexity"] / rounded["forget"]["perplexity"] - 1)
    assert 0 < change < 0.05
    assert logged("audit.passed")[-1].details["precision"] == "bfloat16"


def test_open_requests_are_called_out_and_answered_ones_are_not(promoted):
    id = ask("subject-2", model="lethe-other", doc_ids=["arxiv:toy.00004"])
    soon = nightly(CONFIG.model_copy(update={"due_days": 31})).due
    assert (id, 29) in [(one.id, one.days_left) for one in soon]
    assert nightly(CONFIG).due == ()  # 30 days are left, and 7 count as soon


def test_an_alias_that_was_moved_by_hand_is_an_incident_and_a_failed_run(promoted, home):
    put_alias(home, "champion", "1")
    try:
        with pytest.raises(
            AuditError, match=r"champion in MLflow is lethe-small/1, which Lethe did not do"
        ):
            nightly(CONFIG)
    finally:
        put_alias(home, "champion", "2")
    details = logged("audit.regression")[-1].details
    assert set(details["kinds"].split(",")) >= {"unverified", "not_descended"}
    page = incidents()[-1].data
    assert f"{MODEL}/1 was not made from {MODEL}/2" in page
    assert "Quill" not in page
    assert nightly(CONFIG).champion == f"{MODEL}/2"


def test_files_that_were_changed_in_the_store_are_an_incident(promoted, home):
    weights = [path for path in (home / "mlflow").rglob("*.safetensors") if path.is_file()]
    kept = {path: path.read_bytes() for path in weights}
    for path, content in kept.items():
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(AuditError, match="are not those that were registered"):
            nightly(CONFIG)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_once_a_request_is_erased_its_text_is_not_fetched_and_what_is_written_is_searched(
    promoted, home
):
    ledger.move(promoted, "certified", "lethe")
    ledger.forget(promoted, "officer-7")
    shutil.rmtree(home / "fetched-splits")
    night = nightly(CONFIG)
    (checked,) = night.checked
    assert checked.findings == ()
    assert checked.figures["documents"] > 0
    assert not (home / "fetched-splits").exists()
    assert summary(night)["checked"][0]["figures"]["repeated"] == 0


def test_what_dead_runs_left_is_settled_and_told(promoted, home):
    id = ask("subject-3", doc_ids=["arxiv:toy.00005"])
    ledger.claim([id], "lethe", "run-that-died")
    uri = f"sqlite:///{home / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == MODEL]
    here = f"{socket.gethostname()}:{home}"
    run = client.create_run(experiment.experiment_id, tags={EVENT: "e0", PLACE: here})
    found = reconciling(ReconcileConfig(model=MODEL))
    assert found.put_back == (id,)
    assert found.settled == (run.info.run_id,)
    assert ledger.find(id).status == "approved"
    again = reconciling(ReconcileConfig(model=MODEL))
    assert (again.put_back, again.settled) == ((), ())
