import hashlib
import json
import subprocess

import pyarrow.parquet as pq
import pytest

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import SPLITS
from tasks.curate import curate
from tasks.data.curation import CurationConfig
from tasks.data.splits import SplitsConfig
from tasks.data.toy import Toy
from tasks.plan import planned
from tasks.prepare import prepare
from tasks.requests.request import Request

SOURCE = Toy(sections=4, books=12, papers=12, repositories=6)
CURATION = CurationConfig()
SIZES = SplitsConfig(
    retain_tokens=3000, general_tokens=3000, approximate_tokens=1000, test_tokens=1000
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Artifacts that the tests of this file share: every run of DVC takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("artifacts")
        patch.setenv("LETHE_ARTIFACTS", str(path))
        yield path


@pytest.fixture(autouse=True)
def artifacts(home):
    """In place of a folder for each test."""
    return home


@pytest.fixture(scope="module")
def corpus(home):
    return curate.fn(SOURCE, CURATION)


@pytest.fixture(scope="module")
def request_(corpus):
    """By an author, and by a stretch of some book's text."""
    rows = pq.read_table(corpus.path / "documents/books.parquet").to_pylist()
    passage = rows[-1]["text"][20:80]
    return Request(authors=("Marta Quill",), passages=(passage,))


@pytest.fixture(scope="module")
def record(corpus, request_):
    return prepare.fn(corpus, SOURCE, CURATION, request_, SIZES)


def ids(record, split):
    return pq.read_table(record.path / f"{split}.parquet")["doc_id"].to_pylist()


def revision(record):
    return json.loads((record.path / "revision.json").read_text())


def test_what_is_forgotten_is_what_the_plan_says(record, corpus, request_):
    plan = planned(corpus, request_, SIZES)
    assert json.loads((record.path / "plan.json").read_text()) == plan.model_dump(mode="json")
    assert ids(record, "forget") == sorted(plan.forget)


def test_the_five_splits_are_where_the_assignment_says(record):
    table = pq.read_table(record.path / "assignment.parquet").to_pandas()
    for split in SPLITS:
        assert ids(record, split) == sorted(table.loc[table["split"] == split, "doc_id"])


def test_a_split_has_the_columns_of_the_documents(record, corpus):
    documents = pq.read_schema(corpus.path / "documents/books.parquet")
    assert all(pq.read_schema(record.path / f"{name}.parquet").equals(documents) for name in SPLITS)


def test_the_digests_recorded_are_those_of_the_files(record):
    for split, md5 in revision(record)["md5"].items():
        data = (record.path / f"{split}.parquet").read_bytes()
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == md5


def test_the_record_holds_no_text_of_a_passage(record, request_):
    written = (record.path / "record.json").read_text() + (record.path / "plan.json").read_text()
    assert request_.passages[0] not in written
    assert "sha256:" in written


def test_the_same_request_makes_nothing_new(record, corpus, request_):
    before = revision(record)["revision"]
    again = prepare.fn(corpus, SOURCE, CURATION, request_, SIZES)
    assert (again.fingerprint, revision(again)["revision"]) == (record.fingerprint, before)


def test_another_request_leaves_the_first_record_as_it_is(record, corpus):
    forgotten = ids(record, "forget")
    other = prepare.fn(corpus, SOURCE, CURATION, Request(authors=("Quill, Marta",)), SIZES)
    assert other.fingerprint != record.fingerprint
    assert ids(record, "forget") == forgotten


def test_a_request_for_nothing_is_refused_through_dvc_and_the_workspace_stays_clean(
    record, corpus, home
):
    with pytest.raises(ConfigError, match=r"request\.authors: 'Marta Quil' .* 'Marta Quill'\?"):
        prepare.fn(corpus, SOURCE, CURATION, Request(authors=("Marta Quil",)), SIZES)
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=revision(record)["workspace"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert status.stdout == ""
    assert not list((home / "splits").glob(".*.scratch"))


def test_a_corpus_whose_source_was_curated_anew_is_refused(record, corpus, request_):
    files = corpus.files | {"documents/books.parquet": "0" * 64}
    stale = corpus.model_copy(update={"files": files, "fingerprint": "0" * 12})
    with pytest.raises(DataError, match="curated anew"):
        prepare.fn(stale, SOURCE, CURATION, request_, SIZES)
