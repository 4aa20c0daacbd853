"""One event of a small model, answered, certified and erased; then nothing holds the text."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

from flows.config import RunConfig, configured
from flows.config import described as run_described
from flows.deletion import DeletionConfig, deletion
from flows.erasure import ErasureConfig, SweepConfig, erasure, sweeping
from tasks import erase, ledger, registry, revoke
from tasks.core.errors import ConfigError, RegistryError
from tasks.core.settings import Settings
from tasks.curate import curate
from tasks.requests.deletion import Draft
from tasks.requests.request import Request
from tasks.track import tracking
from tests.traces import holders, unpacked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = str(Path(__file__).parents[1] / "stack" / "small-run.yaml")
MODEL, AUTHOR, OTHER = "lethe-small", "Marta Quill", "arxiv:toy.00004"
STEPS = (
    (erase.tombstones, "write"),
    (erase.revoke, "revoke"),
    (erase, "drop_history"),
    (erase.objects, "remove"),
    (erase, "working_copies"),
    (erase.redact, "redact"),
    (erase, "withdraw"),
    (erase, "compact"),
    (erase, "prove"),
)
"""What changes something, in order; a run may die after each."""


class Killed(BaseException):
    """Ends a run as an interrupt would."""


def ask(subject, **selectors):
    draft = Draft(
        asked_by=subject, ground="copyright", received=datetime.now(UTC),
        request=Request(**selectors), models=(MODEL,),
    )  # fmt: skip
    id = ledger.add(draft).id
    ledger.move(id, "planned", "officer-7")
    ledger.move(id, "approved", "officer-7")
    return id


def promoted_and_certified(*ids):
    """As promotion and certification leave them."""
    ledger.advance(MODEL, f"{MODEL}/1", f"{MODEL}/2", "officer-7")
    with tracking() as client:
        client.set_registered_model_alias(MODEL, "champion", "2")
        client.set_registered_model_alias(MODEL, "previous", "1")
        client.set_registered_model_alias(MODEL, "pinned", "1")
    for id in ids:
        ledger.move(id, "promoted", "officer-7")
        ledger.move(id, "certified", "officer-7")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("erasure") / "artifacts"
    with pytest.MonkeyPatch.context() as patch, prefect_test_harness(server_startup_timeout=300):
        patch.setenv("LETHE_ARTIFACTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def certified(home):
    """Two requests of one event, certified; the documents of the first and their words."""
    os.environ["LETHE_ARTIFACTS"] = str(home)
    author, paper = ask("subject-1", authors=[AUTHOR]), ask("subject-2", doc_ids=[OTHER])
    (outcome,) = deletion(
        DeletionConfig(params=SMALL, which="named", requests=(author, paper))
    ).outcomes
    promoted_and_certified(author, paper)
    table = pq.read_table(outcome.event.data.path / "forget.parquet").to_pylist()
    gone = [row for row in table if AUTHOR in row["author"]]
    shutil.copytree(outcome.event.data.path, home / "reports" / "a copy")
    (takes,) = [one for one in outcome.event.requests if one["id"] == author]
    return author, paper, gone, takes["matched"] + takes["added"]


@pytest.fixture(scope="module")
def erased(certified, home):
    """The first of them erased, by a run that dies after each step and one that does not."""
    author, *_ = certified
    died = []
    for owner, name in STEPS:
        with pytest.MonkeyPatch.context() as patch:
            real = getattr(owner, name)

            def dying(*arguments, real=real):
                real(*arguments)
                raise Killed

            patch.setattr(owner, name, dying)
            with pytest.raises(Killed):
                erasure(ErasureConfig(request=author, by="officer-7"))
        died.append(ledger.find(author).status)
    return died, erasure(ErasureConfig(request=author, by="officer-7"))


@pytest.fixture(autouse=True)
def here(home, monkeypatch, artifacts):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(home))


def words(gone):
    """Ids, the name, and lines of each text."""
    lines = {line.strip() for row in gone for line in row["text"].splitlines()}
    return [AUTHOR, *(row["doc_id"] for row in gone), *(one for one in lines if len(one) > 40)]


def test_before_it_the_text_is_found_in_many_places(certified, home):
    folders = {place.partition("/")[0] for place in holders(home, words(certified[2]))}
    assert folders >= {"corpus", "splits", "data", "dvc-cache", "dvc-remote", "mlflow", "ledger.db"}


def test_nothing_is_called_erased_before_it_is(erased):
    died, _ = erased
    assert died == ["certified"] * len(STEPS)


def test_no_file_database_or_object_holds_text_id_or_name_afterwards(certified, erased, home):
    author, _, gone, _ = certified
    assert ledger.find(author).status == "erased"
    staying = b"".join(
        part for path in home.glob("data/*/artifacts/data/documents/*.parquet") for part in unpacked(path)
    )  # fmt: skip
    sought = [word for word in words(gone) if word.encode() not in staying]
    assert len(sought) > 20
    assert holders(home, sought) == []
    with get_client(sync_client=True) as client:
        told = "".join(run.model_dump_json() for run in client.read_flow_runs(limit=200))
    assert not [word for word in sought if word in told]


def test_what_other_requests_and_documents_need_is_there(certified, erased):
    _, paper, *_ = certified
    assert ledger.find(paper).request.doc_ids == (OTHER,)
    with tracking() as client:
        run = registry.find(client, f"{MODEL}/2").run_id
        portions = registry.mlflow.artifacts.load_dict(f"runs:/{run}/requests.json")["requests"]
    assert {one["id"]: bool(one["matched"]) for one in portions}[paper]
    assert OTHER in registry.history(f"{MODEL}/2").forgotten


def test_what_comes_back_is_refused_and_counted(certified, erased):
    run = configured(RunConfig, run_described([f"params={SMALL}"]))
    corpus = curate.fn(run.source, run.curation)
    told = [json.loads(one.read_text()) for one in corpus.path.glob("statistics/*.json")]
    assert sum(one["refused"] for one in told) == len(certified[3])  # copies by others too
    kept = [pq.read_table(one)["doc_id"].to_pylist() for one in corpus.path.glob("documents/*")]
    assert not {row["doc_id"] for row in certified[2]} & {one for ids in kept for one in ids}


def test_a_version_that_knows_it_is_revoked_and_previous_keeps_its_window(erased):
    _, remains = erased
    tags = registry.tags(f"{MODEL}/1")
    assert "had erased" in tags["lethe.revoked"]
    (kept,) = revoke.revoked()
    assert (kept.version, kept.aliases) == (f"{MODEL}/1", ("previous",))
    day = f"{datetime.now(UTC) + timedelta(days=Settings().grace_days):%Y-%m-%d}"
    assert f"1 model versions that know it, revoked and kept until {day}" in remains.lines
    assert "lethe.revoked" not in registry.tags(f"{MODEL}/2")


def test_what_remains_names_nobody(certified, erased):
    said = erased[1].model_dump_json()
    assert not [word for word in words(certified[2]) if word in said]


def test_erased_again_it_is_as_it_was(certified, erased):
    assert erasure(ErasureConfig(request=certified[0], by="officer-7")) == erased[1]


def test_what_is_not_certified_is_not_erased(certified):
    id = ask("subject-3", doc_ids=["arxiv:toy.00005"])
    with pytest.raises(ConfigError, match="is approved: it can be erased once it is certified"):
        erasure(ErasureConfig(request=id, by="officer-7"))


def test_a_sweep_deletes_what_is_due_and_only_that(erased):
    before = sweeping(SweepConfig(by="officer-7"))
    assert before.deleted == ()
    assert list(before.waiting) == [f"{MODEL}/1"]
    with tracking() as client:
        client.set_model_version_tag(MODEL, "1", revoke.DUE, datetime.now(UTC).isoformat())
    assert sweeping(SweepConfig(by="officer-7")).deleted == (f"{MODEL}/1",)
    assert "lethe.deleted" in registry.tags(f"{MODEL}/1")
    with pytest.raises(RegistryError), tracking() as client:
        registry.find(client, f"{MODEL}@previous")
    assert sweeping(SweepConfig(by="officer-7")).deleted == ()
