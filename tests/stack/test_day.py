"""A request on real servers from receipt to erasure, by commands alone; then the machine is lost."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.config import RunConfig, configured, described
from tasks.curate import curate
from tests.traces import holders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SMALL = str(Path(__file__).parent / "small-run.yaml")
AUTHOR, MODEL, BY = "Marta Quill", "lethe-small", ("--by", "officer-7")


@pytest.fixture(scope="module")
def sought(tmp_path_factory):
    """The name, the ids, and the lines that no other document has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(tmp_path_factory.mktemp("apart")))
        run = configured(RunConfig, described([f"params={SMALL}"]))
        corpus = curate.fn(run.source, run.curation)
        tables = [pq.read_table(one) for one in corpus.path.glob("documents/*.parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    gone = [row for row in rows if AUTHOR in row["author"]]
    staying = "".join(row["text"] for row in rows if AUTHOR not in row["author"])
    lines = {line.strip() for row in gone for line in row["text"].splitlines()}
    own = [line for line in lines if len(line) > 40 and line not in staying]
    assert len(own) > 10
    return [AUTHOR, *(row["doc_id"] for row in gone), *own]


@pytest.fixture(scope="module")
def erased(served, sought):
    """The id of the request, and the places that held its text before."""
    asked = ("--asked-by", "subject-0042", "--ground", "consent_withdrawn", "--model", MODEL)
    id = json.loads(served.lethe("request", "add", f"authors=[{AUTHOR}]", *asked, "--json"))["id"]
    served.lethe("request", "plan", id, f"params={SMALL}")
    served.lethe("request", "approve", id, *BY)
    served.lethe("delete", f"params={SMALL}", id)
    served.lethe("promote", f"{MODEL}@candidate", *BY, "--why", "the gate passed")
    ((page,),) = json.loads(served.lethe("certify", id, "--json")).values()
    served.lethe("certificate", "verify", page.replace(".html", ".json"))
    before = holders(served.folder, sought)
    served.lethe("erase", id, *BY)
    return id, before


def test_the_text_was_in_files_databases_and_buckets_and_is_in_none(served, erased, sought):
    _, before = erased
    places = {"/".join(one.split("/")[:2]) for one in before}
    assert places >= {"stack/postgres", "stack/store"}
    assert holders(served.folder, sought) == []


def test_the_servers_are_well_and_the_ledger_says_what_became_of_it(served, erased):
    served.stack("status")
    assert json.loads(served.lethe("request", "show", erased[0], "--json"))["status"] == "erased"
    served.lethe("log", "verify")


def test_after_the_machine_was_lost_a_backup_brings_back_what_passes_the_audit(
    served, erased, tmp_path
):
    file, head = tmp_path / "all.tar", served.lethe("log", "verify")
    served.stack("down")
    served.stack("backup", str(file))
    shutil.rmtree(served.folder)
    served.stack("restore", str(file))
    served.stack("up")
    assert served.lethe("log", "verify") == head
    night = json.loads(served.lethe("nightly", f"model={MODEL}", "--json"))
    assert night["champion"] == f"{MODEL}/2"
    assert night["checked"]
