import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tasks.core.errors import DataError
from tasks.core.settings import PROJECT
from tasks.data.curation import CurationConfig
from tasks.data.jsonl import Jsonl
from tasks.versions import reproduce, restore, stage_md5, workspace

STAGES = ["source", "curate"]
DOCUMENTS = "artifacts/data/documents/books.parquet"


def write(folder, *texts):
    lines = [
        {
            "doc_id": f"book:{number}",
            "domain": "books",
            "kind": "section",
            "title": "A title",
            "author": ["Ann Author"],
            "license": "public-domain",
            "date": None,
            "source": "here",
            "group": "book:1",
            "text": text,
        }
        for number, text in enumerate(texts)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "books.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Jsonl(path=folder)


def sections(source):
    config = CurationConfig()
    params = {"source": source.resolved(), "curation": config}
    return {name: section.model_dump(mode="json") for name, section in params.items()}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(tmp_path / "artifacts"))
    return write(tmp_path / "corpus", "once upon a time there was", "a wholly different text")


@pytest.fixture
def made(source):
    """A workspace that was reproduced once, and the revision."""
    path = workspace(source, CurationConfig())
    return path, reproduce(path, sections(source), STAGES)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_a_second_repro_touched_code_and_stages_run_again_change_nothing(source, made):
    path, revision = made
    lock = (path / "dvc.lock").read_bytes()
    os.utime(PROJECT / "tasks/data/curation.py")
    assert reproduce(path, sections(source), STAGES) == revision
    for stamp in (path / ".dvc/tmp").glob("code-*"):
        stamp.write_text("other code")
    assert reproduce(path, sections(source), STAGES) == revision
    assert (path / "dvc.lock").read_bytes() == lock


def test_a_changed_file_outside_the_repository_changes_the_lock(source, made):
    path, revision = made
    write(source.path, "once upon a time there was", "a text that was changed")
    assert reproduce(path, sections(source), STAGES) != revision


def test_a_revision_gives_back_the_same_bytes_from_the_remote_alone(source, made, tmp_path):
    path, revision = made
    then = md5(path / DOCUMENTS)
    write(source.path, "something else")
    reproduce(path, sections(source), STAGES)
    assert md5(path / DOCUMENTS) != then
    shutil.rmtree(tmp_path / "artifacts/dvc-cache")
    restore(path, revision, tmp_path / "restored")
    assert md5(tmp_path / "restored" / DOCUMENTS) == then


def test_a_remote_that_is_new_is_given_what_another_had(source, made, tmp_path, monkeypatch):
    path, revision = made
    monkeypatch.setenv("LETHE_DVC_REMOTE", str(tmp_path / "other"))
    reproduce(path, sections(source), STAGES)  # another commit, for it names the other remote
    for folder in ("dvc-cache", "dvc-remote"):
        shutil.rmtree(tmp_path / "artifacts" / folder)
    restore(path, revision, tmp_path / "restored")
    assert (tmp_path / "restored" / DOCUMENTS).exists()


def test_outputs_have_an_md5_and_what_was_never_made_is_refused(made):
    path, _ = made
    assert stage_md5(path, DOCUMENTS) == md5(path / DOCUMENTS)
    inside = "artifacts/data/source/books.json"
    assert stage_md5(path, inside) == md5(path / inside)
    with pytest.raises(DataError, match="no stage"):
        stage_md5(path, "artifacts/data/splits/forget.parquet")
    with pytest.raises(DataError, match="take one that a record names"):
        restore(path, "0" * 40, path.with_name("restored"))


def test_a_failing_stage_is_its_own_line_and_leaves_nothing(source, capfd):
    (source.path / "books.jsonl").write_text('{"doc_id": "a"\n')
    path = workspace(source, CurationConfig())
    with pytest.raises(DataError, match=r"^\S+books\.jsonl line 1: not JSON; "):
        reproduce(path, sections(source), STAGES)
    assert not path.exists()
    assert "dvc" not in capfd.readouterr().err.lower()


def test_a_failure_takes_a_workspace_back_to_its_last_revision(source, made):
    path, revision = made
    lock = (path / "dvc.lock").read_bytes()
    (source.path / "books.jsonl").write_text('{"doc_id": "a"\n')
    with pytest.raises(DataError):
        reproduce(path, sections(source), STAGES)
    assert (path / "dvc.lock").read_bytes() == lock
    write(source.path, "once upon a time there was", "a wholly different text")
    assert reproduce(path, sections(source), STAGES) == revision


def test_a_killed_run_takes_its_children_along_and_the_next_one_goes_on(source):
    path = workspace(source, CurationConfig())
    slow = _slow_stage(path)
    parent = subprocess.Popen([sys.executable, "-c", slow], start_new_session=True)
    stage = _eventually(lambda: (path / "pid").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _eventually(lambda: not Path(f"/proc/{stage}").exists() or None)
    reproduce(path, sections(source), STAGES)
    assert (path / DOCUMENTS).exists()


def _slow_stage(path):
    """A program that runs DVC as we do, with one stage that would take ten minutes."""
    waiting = path / "waiting.py"
    waiting.write_text(
        "import os, threading, time\n"
        "from pathlib import Path\n"
        "from tasks.stages import end_with_standard_input\n"
        "threading.Thread(target=end_with_standard_input, daemon=True).start()\n"
        "Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    stages = {"wait": {"cmd": "python waiting.py", "outs": [{"out": {"cache": False}}]}}
    (path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    call = f"commands.dvc(Path({str(path)!r}), ['repro', 'wait'], None)"
    return f"from pathlib import Path; from tasks import commands; {call}"


def _eventually(look, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if seen := look():
                return seen
        except FileNotFoundError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")
