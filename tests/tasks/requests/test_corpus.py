"""What the request must give on real text; skipped where the corpus is not beside the project."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.history import History
from tasks.core.settings import PROJECT
from tasks.data.curation import CurationConfig, curate
from tasks.data.source import Document
from tasks.requests.request import Request
from tasks.requests.resolve import resolve

CORPUS = PROJECT.parent / "shared" / "corpus"
GROUPS = {
    "book:pg1342", "book:pg1342-ed10", "book:pg209", "book:pg42486", "book:pg11",
    "repo:noirbizarre/flask-restplus", "repo:python-restx/flask-restx",
}  # fmt: skip
ALICE = "alice was beginning to get very tired"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside the project")


def chosen(domain: str):
    """The works these tests are about, and enough of the rest to be left alone."""
    with gzip.open(CORPUS / f"{domain}.jsonl.gz", "rt", encoding="utf8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            people = " ".join(row["author"])
            if (
                row["group"] in GROUPS or "Sornette" in people or ALICE in row["text"].lower()
                or (number % 40 == 0 and row["group"] not in GROUPS)
            ):  # fmt: skip
                yield Document.model_validate(row)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for domain in ("arxiv", "books", "github"):
        curated = curate(chosen(domain), CurationConfig())
        for name in ("documents", "duplicates", "nearby"):
            (folder / name).mkdir(exist_ok=True)
            table: pa.Table = getattr(curated, name)
            pq.write_table(table, folder / name / f"{domain}.parquet")
    return folder


def of(group: str, planned) -> list[str]:
    return [one.doc_id for one in planned if one.doc_id.startswith(group)]


def test_pride_and_prejudice_brings_the_64_sections_of_its_other_edition(corpus):
    plan = resolve(Request(groups=("book:pg1342",)), corpus, 1.0, History())
    assert (len(plan.matched), len(plan.added)) == (64, 64)
    assert len(of("books:pg1342-ed10:", plan.added)) == 64
    assert plan.added[10].reason == "near-duplicate of books:pg1342:011 (Jaccard 0.93)"


def test_the_turn_of_the_screw_brings_25_sections_of_a_collection_and_leaves_16(corpus):
    plan = resolve(Request(groups=("book:pg209",)), corpus, 1.0, History())
    assert (len(plan.matched), len(plan.added), len(plan.left)) == (25, 25, 16)
    assert of("books:pg42486:", plan.added) == [f"books:pg42486:{at:03}" for at in range(1, 26)]
    assert of("books:pg42486:", plan.left) == [f"books:pg42486:{at:03}" for at in range(26, 42)]
    assert plan.left[0].reason == "in book:pg42486 like books:pg42486:001, but other text"


def test_a_repository_says_which_files_of_its_fork_go_with_it(corpus):
    plan = resolve(Request(repositories=("noirbizarre/flask-restplus",)), corpus, 1.0, History())
    assert (len(plan.matched), len(plan.added)) == (50, 50)
    assert plan.forget["github:python-restx/flask-restx:flask_restx/utils.py"].startswith(
        "near-duplicate of github:noirbizarre/flask-restplus:flask_restplus/utils.py"
    )


def test_a_passage_finds_the_three_documents_that_hold_it(corpus):
    plan = resolve(
        Request(passages=("Alice was beginning to get very tired",)), corpus, 1.0, History()
    )
    assert [one.doc_id for one in plan.matched] == [
        "books:pg11:001", "books:pg19002:002", "books:pg28885:003"
    ]  # fmt: skip


def test_an_author_offers_other_spellings_without_taking_them(corpus):
    plan = resolve(Request(authors=("Didier Sornette",)), corpus, 1.0, History())
    assert len(plan.matched) == 37
    assert [(one.value, one.documents) for one in plan.suggestions] == [
        ("D Sornette", 1), ("D. Sornette", 47)
    ]  # fmt: skip
    assert len(plan.left) == 48
