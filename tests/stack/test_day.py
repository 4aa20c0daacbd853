"""A day of an operator on real servers, ``make demo-stack``; then the machine is lost."""

import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from flows.config import RunConfig
from tasks.core.settings import PROJECT
from tasks.curate import curate
from tests.traces import holders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]

AUTHOR = "Marta Quill"


@pytest.fixture(scope="module")
def day(served):
    """What was said while it was played."""
    return served.stack("run", "demo").stdout


def lethe(served, *words):
    return subprocess.run(
        [sys.executable, "-m", "flows", *words],
        cwd=PROJECT,
        env=served.client,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_request_is_erased_and_the_other_waits_for_a_new_approval(served, day):
    assert [line for line in day.splitlines() if line.startswith("the run is")] == [
        "the run is Completed: ",
        "the run is Failed: ",
        "the run is Completed: ",
    ]
    table = lethe(served, "request", "list").stdout
    assert "erased" in table


def test_no_file_database_or_bucket_holds_what_was_erased(served, day):
    run = RunConfig()
    corpus = curate.fn(run.source, run.curation)
    rows = [
        row
        for table in corpus.path.glob("documents/*.parquet")
        for row in pq.read_table(table).to_pylist()
    ]
    gone = [row for row in rows if AUTHOR in row["author"]]
    staying = "".join(row["text"] for row in rows if AUTHOR not in row["author"])
    lines = {line.strip() for row in gone for line in row["text"].splitlines()}
    sought = [line for line in lines if len(line) > 40 and line not in staying]
    assert len(sought) > 20
    assert holders(served.folder, [AUTHOR, *(row["doc_id"] for row in gone), *sought]) == []


def test_after_the_machine_was_lost_a_backup_brings_back_what_passes_the_audit(
    served, day, tmp_path
):
    file = tmp_path / "all.tar"
    head = lethe(served, "log", "verify").stdout
    served.stack("down")
    served.stack("backup", str(file))
    for name in ("artifacts", "stack"):
        shutil.rmtree(served.folder / name)
    served.stack("restore", str(file))
    served.stack("up")
    assert lethe(served, "log", "verify").stdout == head
    audited = lethe(served, "nightly")
    assert audited.returncode == 0, audited.stderr
