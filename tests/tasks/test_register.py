"""An event in a real registry: a SQLite database and files below the test's own folder."""

import json
import math
import shutil
from collections import Counter
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tasks import registry
from tasks.core.errors import RegistryError
from tasks.core.event import SPLITS
from tasks.core.history import History
from tasks.register import adopt, register
from tasks.registry import weights_digest
from tasks.track import tracking

KNOWS = {"target": {"forget": 1.0}, "unlearned": {"forget": 1.0}, "retrained": {}}


def the_runs(client):
    known = [one.experiment_id for one in client.search_experiments() if one.name == "lethe-tiny"]
    return client.search_runs(known) if known else []


def the_parent(client):
    (parent,) = [run for run in the_runs(client) if "lethe.event" in run.data.tags]
    return parent


def versions(client):
    return {
        version.version: client.get_model_version("lethe-tiny", version.version)
        for version in client.search_model_versions()
    }


def test_the_candidate_generates_text(registered):
    assert registered.registration.model_version == "lethe-tiny/1"
    with tracking():
        speaker = mlflow.transformers.load_model("models:/lethe-tiny@candidate")
    (said,) = speaker("It was", max_new_tokens=3)
    assert said["generated_text"].startswith("It was")


def test_a_version_carries_its_lineage(registered):
    event, tags = registered.event, versions(registered.client)[1].tags
    assert tags["lethe.revision"] == "ab" * 20
    assert tags["lethe.workspace"] == "w"
    assert tags["lethe.forget"] == "forget-md5"
    assert tags["lethe.commit"] == "c0ffee"
    assert tags["lethe.method"] == "ascent_descent"
    assert json.loads(tags["lethe.knobs"])["optimiser"] == {"learning_rate": 3e-4}
    assert tags["lethe.target"] == event.models["target"].fingerprint
    assert (tags["lethe.verdict"], tags["lethe.comparator"]) == ("pass", "retrained")
    assert tags["lethe.event"] == event.verdict.fingerprint
    assert tags["lethe.run"] == registered.registration.run_id
    assert tags["lethe.weights"] == weights_digest(event.models["unlearned"].path)
    assert {
        f"lethe.{name}": value for name, value in registered.registration.lineage.items()
    }.items() <= tags.items()


def test_an_event_is_a_run_with_a_run_per_model(registered):
    event, database = registered.event, registered.client
    parent = the_parent(database)
    assert parent.info.run_id == registered.registration.run_id
    assert parent.info.status == "FINISHED"
    assert parent.data.params["unlearn.optimiser.learning_rate"] == "0.0003"
    assert parent.data.metrics["cost/ratio"] == pytest.approx(2_000_000 / 40_000)
    below = {r.info.run_name: r for r in the_runs(database) if "mlflow.parentRunId" in r.data.tags}
    assert set(below) == {"target", "unlearned", "retrained"}
    scored = json.loads((event.evidence["target"].path / "scores.json").read_text())
    assert below["target"].data.metrics["forget/perplexity"] == scored["forget"]["perplexity"]
    steps = database.get_metric_history(below["unlearned"].info.run_id, "training/forget_loss")
    assert {m.step: m.value for m in steps} == {at: -1 - at / 20 for at in range(1, 41)}
    assert 0 <= below["unlearned"].data.metrics["attack/loss/auc_low"] <= 1
    exposed = json.loads((event.verdict.path / "exposure.json").read_text())["roles"]
    for role, one in exposed.items():
        logged = below[role].data.metrics["exposure/relative/mean"]
        assert logged == pytest.approx(one["relative"]["mean"])


def test_what_was_not_measured_is_nan(registered):
    database = registered.client
    (run,) = [run for run in the_runs(database) if run.info.run_name == "unlearned"]
    history = database.get_metric_history(run.info.run_id, "training/approximate_nll")
    assert [math.isnan(m.value) for m in sorted(history, key=lambda m: m.step)[:2]] == [True, False]


def test_splits_are_inputs_by_their_dvc_digest(registered):
    inputs = the_parent(registered.client).inputs.dataset_inputs
    logged = {one.dataset.name: one for one in inputs}
    assert {name: one.dataset.digest for name, one in logged.items()} == {
        split: f"{split}-md5" for split in SPLITS
    }
    marks = {tag.key: tag.value for tag in logged["forget"].tags}
    assert marks["mlflow.data.context"] == "forget"
    assert marks["dvc.rev"] == "ab" * 20
    assert marks["dvc.path"] == "artifacts/data/splits/forget.parquet"


def test_what_a_person_reads_is_kept_with_the_run(registered):
    database, run_id = registered.client, registered.registration.run_id
    assert {artifact.path for artifact in database.list_artifacts(run_id)} == {
        "report.html", "verdict.json", "plan.json", "config.json", "history.json",
        "requests.json", "validation", "evidence", "kept.json",
    }  # fmt: skip
    assert [a.path for a in database.list_artifacts(run_id, "validation/data_docs")] == [
        "validation/data_docs/index.html"
    ]


def test_an_event_is_registered_once(an_entry, database):
    event, report = an_entry()
    assert register.fn(event, report) == register.fn(event, report)
    assert list(versions(database)) == [1]
    assert len(the_runs(database)) == 4


def test_a_failed_gate_leaves_a_run_and_no_version(an_entry, database):
    event, report = an_entry(KNOWS)
    registered = register.fn(event, report)
    assert registered.model_version == ""
    assert the_parent(database).data.tags["lethe.verdict"] == "fail"
    assert database.search_registered_models() == []
    assert register.fn(event, report) == registered


def test_a_model_that_was_given_has_no_steps(an_entry, database):
    event, report = an_entry()
    (event.models["target"].path / "progress.jsonl").unlink()
    (event.models["retrained"].path / "progress.jsonl").write_text("")
    register.fn(event, report)
    for run in the_runs(database):
        if run.info.run_name in ("target", "retrained"):
            assert not any(name.startswith("training/") for name in run.data.metrics)


def test_nothing_is_said_on_standard_output(an_entry, capfd):
    register.fn(*an_entry())
    assert capfd.readouterr().out == ""


def test_weights_that_come_back_changed_are_not_registered(an_entry, database, monkeypatch):
    event, report = an_entry()
    fetched = mlflow.artifacts.download_artifacts

    def corrupted(**asked):
        path = fetched(**asked)
        for file in Path(asked["dst_path"]).rglob("*.safetensors"):
            whole = bytearray(file.read_bytes())
            whole[-1] ^= 1
            file.write_bytes(whole)
        return path

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", corrupted)
    with pytest.raises(RegistryError, match="weights_digest of what came back differs"):
        register.fn(event, report)
    assert versions(database) == {}
    assert the_runs(database) == []


CALLS = {
    "get_experiment_by_name": MlflowClient,
    "search_runs": MlflowClient,
    "create_run": MlflowClient,
    "log_batch": MlflowClient,
    "log_dict": MlflowClient,
    "log_inputs": MlflowClient,
    "log_artifact": MlflowClient,
    "log_artifacts": MlflowClient,
    "set_terminated": MlflowClient,
    "start_run": mlflow,
    "log_model": mlflow.transformers,
    "download_artifacts": mlflow.artifacts,
    "create_registered_model": MlflowClient,
    "create_model_version": MlflowClient,
    "set_registered_model_alias": MlflowClient,
}
REMOVALS = {
    name: MlflowClient
    for name in (
        "delete_run", "delete_logged_model", "delete_model_version", "delete_registered_model",
        "delete_registered_model_alias",
    )
}  # fmt: skip
ENDS = 5  # the runs of three models, that of the unlearned again for its weights, the event's


def outage(patched, at, nth=1, lasting=False):
    """MLflow's ``at`` fails the nth time; where it lasts, everything fails from then on."""
    seen = Counter()

    def failing(owner, name):
        real = getattr(owner, name)

        def call(*args, **kwargs):
            seen[name] += 1
            if (name == at and seen[at] == nth) or (lasting and seen[at] >= nth):
                raise MlflowException("the server is gone")
            return real(*args, **kwargs)

        patched.setattr(owner, name, call)

    for name, owner in {**CALLS, **REMOVALS}.items():
        failing(owner, name)


def registering_fails(entry, monkeypatch, **how):
    with monkeypatch.context() as patched:
        outage(patched, **how)
        with pytest.raises(RegistryError, match="the server is gone"):
            register.fn(*entry)


def another(entry):
    event, report = entry
    verdict = event.verdict.model_copy(update={"fingerprint": "another"})
    return event.model_copy(update={"verdict": verdict}), report


def test_a_failure_at_any_call_leaves_nothing_and_the_next_attempt_completes(
    an_entry, database, monkeypatch
):
    entry = an_entry()
    for name in CALLS:
        registering_fails(entry, monkeypatch, at=name)
        assert database.search_registered_models() == [], name
        assert the_runs(database) == [], name
    assert register.fn(*entry).model_version == "lethe-tiny/1"
    assert versions(database)[1].aliases == ["candidate"]


@pytest.mark.parametrize(
    ("at", "nth"),
    [("create_model_version", 1), ("set_registered_model_alias", 1), ("set_terminated", ENDS)],
)
def test_a_failure_leaves_the_alias_where_it_was(an_entry, database, monkeypatch, at, nth):
    entry = an_entry()
    register.fn(*entry)
    registering_fails(another(entry), monkeypatch, at=at, nth=nth)
    assert list(versions(database)) == [1]
    assert versions(database)[1].aliases == ["candidate"]
    assert len(the_runs(database)) == 4


@pytest.mark.parametrize(
    ("at", "nth"),
    [
        ("log_dict", 1),
        ("download_artifacts", 1),
        ("create_model_version", 1),
        ("set_registered_model_alias", 1),
        ("set_terminated", ENDS),
    ],
)
def test_what_an_outage_left_is_finished_or_removed_by_the_next_attempt(
    an_entry, database, monkeypatch, at, nth
):
    entry = an_entry()
    registering_fails(entry, monkeypatch, at=at, nth=nth, lasting=True)
    registered = register.fn(*entry)
    (version,) = versions(database).values()
    assert f"lethe-tiny/{version.version}" == registered.model_version
    assert version.aliases == ["candidate"]
    assert version.run_id == registered.run_id
    assert len(the_runs(database)) == 4
    assert {run.info.status for run in the_runs(database)} == {"FINISHED"}
    assert len(database.search_logged_models([the_parent(database).info.experiment_id])) == 1
    store = Path(the_parent(database).info.artifact_uri.removeprefix("file://")).parents[1]
    assert len(list(store.rglob("model.safetensors"))) == 1


def test_what_lacked_only_its_end_is_finished_and_not_made_again(an_entry, database, monkeypatch):
    entry = an_entry()
    register.fn(*entry)
    registering_fails(another(entry), monkeypatch, at="set_terminated", nth=ENDS, lasting=True)
    assert register.fn(*another(entry)).model_version == "lethe-tiny/2"
    assert versions(database)[2].aliases == ["candidate"]


def test_an_end_whose_answer_is_lost_is_undone_too(an_entry, database, monkeypatch):
    entry = an_entry()
    register.fn(*entry)
    end, ends = MlflowClient.set_terminated, Counter()

    def unanswered(*args, **kwargs):
        end(*args, **kwargs)
        ends["so far"] += 1
        if ends["so far"] == ENDS:
            raise MlflowException("the server is gone")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_terminated", unanswered)
        with pytest.raises(RegistryError, match="the server is gone"):
            register.fn(*another(entry))
    assert list(versions(database)) == [1]
    assert versions(database)[1].aliases == ["candidate"]
    registered = register.fn(*another(entry))
    latest = versions(database)[max(versions(database))]
    assert registered.model_version == f"lethe-tiny/{latest.version}"
    assert latest.aliases == ["candidate"]


def test_the_history_of_a_version_is_what_it_saw_and_what_it_has_forgotten(registered):
    history = registry.history(registered.registration.model_version)
    assert len(history.seen) == 3 * 60  # forget, retain, general
    assert history.forgotten == tuple(sorted(f"forget:{at}" for at in range(60)))


def test_a_later_event_adds_to_the_history_of_the_version_it_came_from(an_entry):
    event, report = an_entry()
    before = History(seen=("forget:0", "old", "kept"), forgotten=("old",))
    later = event.model_copy(update={"history": before, "champion": "lethe-tiny/7"})
    version = register.fn(later, report).model_version
    history = registry.history(version)
    assert history.seen == before.seen
    assert "old" in history.forgotten
    assert "forget:0" in history.forgotten
    assert registry.tags(version)["lethe.parent"] == "lethe-tiny/7"


def test_a_model_that_has_forgotten_nothing_is_adopted_once_as_the_champion(
    an_entry, checkpoint, database
):
    event, _ = an_entry()
    target = event.models["target"]
    shutil.copytree(checkpoint, target.path, dirs_exist_ok=True)
    version = adopt.fn("tiny", event.data, target)
    assert version == "lethe-tiny/1"
    assert adopt.fn("tiny", event.data, target) == version
    assert int(registry.find(database, "lethe-tiny@champion").version) == 1
    assert registry.history(version).forgotten == ()
