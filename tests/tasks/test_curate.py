import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.curate import curate, summary
from tasks.data.curation import CurationConfig
from tasks.data.toy import Toy

SMALL = Toy(sections=4, books=4, papers=8, repositories=4)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("artifacts")
        patch.setenv("LETHE_ARTIFACTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def corpus(artifacts):
    return curate.fn(SMALL, CurationConfig())


def test_the_record_holds_every_table_of_every_domain(corpus):
    assert corpus.kind == "corpus"
    for name in ("documents", "duplicates", "nearby"):
        assert {file.stem for file in (corpus.path / name).iterdir()} == {
            "arxiv",
            "books",
            "github",
        }


def test_the_record_names_its_revision(corpus):
    revision = json.loads((corpus.path / "revision.json").read_text())
    assert Path(revision["workspace"]).is_dir()
    assert len(revision["revision"]) == 40


def test_the_same_source_is_the_same_record(corpus):
    assert curate.fn(SMALL, CurationConfig()) == corpus


def test_the_summary_counts_what_the_tables_hold(corpus):
    for domain, counted in summary(corpus).items():
        documents = pq.read_table(corpus.path / f"documents/{domain}.parquet")
        pairs = pq.read_table(counted["near_duplicates"])
        copies = documents.num_rows - documents["duplicate_of"].null_count
        assert counted["documents"] == documents.num_rows
        assert counted["exact_duplicates"] == copies
        assert counted["near_duplicate_pairs"] == pairs.num_rows
        assert pairs.column_names == ["doc_id_a", "doc_id_b", "jaccard"]
        assert counted["seconds"] >= 0


def test_two_curations_from_nothing_give_the_same_bytes(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(tmp_path))
    again = curate.fn(SMALL, CurationConfig())
    tables = {name: digest for name, digest in again.files.items() if name != "revision.json"}
    assert tables.items() <= corpus.files.items()
