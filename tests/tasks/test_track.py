"""What is read back of a registered version, and what is said when nobody answers."""

import json
import math
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks import track
from tasks.core.errors import RegistryError
from tasks.register import flattened, register
from tasks.registry import (
    fetch_model,
    log_audit,
    report_path,
    show,
    tags,
    tokenizer_digest,
    weights_digest,
)
from tasks.track import figures, follow, tracking
from tasks.training.loop import StepReport


@contextmanager
def put_back(path, beside):
    """Whatever is done to a file or a folder meanwhile; its copy lies in ``beside``."""
    kept = beside / "kept"
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, kept)
    try:
        yield
    finally:
        if kept.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        shutil.move(kept, path)


def test_a_version_shows_its_lineage_as_json(registered):
    told = json.loads(json.dumps(show("lethe-tiny@candidate"), allow_nan=False))
    assert told["version"] == "lethe-tiny/1"
    assert told["aliases"] == ["candidate"]
    assert told["tags"]["lethe.revision"] == "ab" * 20
    assert told["parameters"]["unlearn.steps"] == "40"
    assert set(told["metrics"]) == {"event", "target", "unlearned", "retrained"}
    assert told["datasets"][0]["dvc.rev"] == "ab" * 20


def test_what_was_not_measured_is_shown_as_null(an_entry):
    event, report = an_entry()
    (event.models["target"].path / "training.json").write_text('{"tokens": null, "steps": 3}')
    register.fn(event, report)
    told = show("lethe-tiny/1")["metrics"]["target"]
    assert told["cost/tokens"] is None
    assert told["cost/steps"] == 3


def test_the_alias_and_the_number_are_the_same_version(registered):
    assert tags("lethe-tiny@candidate") == tags("lethe-tiny/1")
    assert tags("lethe-tiny/1")["lethe.version"] == "lethe-tiny/1"


def test_the_report_comes_back(registered):
    with open(report_path("lethe-tiny/1")) as page:
        assert page.read() == "<p>what came of it</p>"


def test_the_model_comes_back_as_a_checkpoint_folder(registered, tmp_path):
    folder = tmp_path / "fetched"
    folder.mkdir()
    fetch_model("lethe-tiny@candidate", folder)
    assert weights_digest(folder) == weights_digest(registered.event.models["unlearned"].path)
    AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    assert AutoTokenizer.from_pretrained(folder, local_files_only=True)("It")["input_ids"]
    assert all(path.is_file() for path in folder.iterdir())


@pytest.mark.parametrize(
    "altered",
    ["model.safetensors", "generation_config.json", "tokenizer.json", "tokenizer_config.json"],
)
def test_a_file_altered_in_the_store_is_refused(registered, tmp_path, altered):
    (file,) = (registered.home / "mlflow").rglob(altered)
    folder = tmp_path / "fetched"
    folder.mkdir()
    with put_back(file, tmp_path):
        file.write_bytes(file.read_bytes() + b" ")
        with pytest.raises(RegistryError, match=r"lethe-tiny/1: its files have digest \w{12}, reg"):
            fetch_model("lethe-tiny/1", folder)


def test_files_gone_from_the_store_are_said_to_be(registered, tmp_path):
    (weights,) = (registered.home / "mlflow").rglob("*.safetensors")
    folder = tmp_path / "fetched"
    folder.mkdir()
    with put_back(weights.parents[1], tmp_path):
        shutil.rmtree(weights.parents[1])
        with pytest.raises(RegistryError, match="model is gone"):
            fetch_model("lethe-tiny/1", folder)


def test_a_server_that_listens_and_never_answers_is_found_out_in_seconds(monkeypatch):
    monkeypatch.setattr(track, "REACH_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("LETHE_TRACKING_URI", f"http://127.0.0.1:{port}")
        began = time.monotonic()
        with pytest.raises(RegistryError, match=f"{port} does not answer"):
            show("lethe-tiny/1")
    assert time.monotonic() - began < 5


def test_an_audit_is_a_run_that_names_its_version(an_entry):
    register.fn(*an_entry())
    scores = {"forget": {"perplexity": 20.0, "accuracy": None}}
    run_id = log_audit("lethe-tiny@candidate", scores, {"loss": {"auc": 0.5}})
    assert show("lethe-tiny/1")["audits"] == [run_id]
    with tracking() as client:
        run = client.get_run(run_id)
    assert run.data.tags["lethe.audit"] == "lethe-tiny/1"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["forget/perplexity"] == 20
    assert math.isnan(run.data.metrics["forget/accuracy"])
    assert run.data.metrics["attack/loss/auc"] == 0.5


@pytest.mark.parametrize("version", ["lethe-tiny/7", "lethe-tiny@champion", "lethe-x/1", "1; --"])
def test_an_unknown_version_is_answered_with_those_that_exist(registered, version):
    with pytest.raises(RegistryError) as refused:
        show(version)
    assert str(refused.value) == (
        f"no model version {version!r}: there are lethe-tiny/1 (@candidate)"
    )


def test_an_empty_registry_says_so(database):
    with pytest.raises(RegistryError, match="none is registered yet"):
        show("lethe-demo@candidate")


def test_a_server_that_is_down_is_named_in_seconds_without_its_password(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("LETHE_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(RegistryError) as refused:
        show("lethe-demo@candidate")
    assert time.monotonic() - began < 5
    assert f"http://127.0.0.1:{port} does not answer" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_settings_are_flattened_by_dotted_key():
    config = {"name": "demo", "unlearn": {"steps": 40, "keep": [{"split": "retain"}]}, "seed": None}
    assert flattened(config) == {
        "name": "demo",
        "unlearn.steps": "40",
        "unlearn.keep": '[{"split": "retain"}]',
        "seed": "null",
    }


def test_figures_are_named_by_their_path_and_null_is_nan():
    told = {"loss": {"auc": 0.5, "auc_low": None}, "device": "cpu"}
    auc, low = figures("attack", told)
    assert auc == ("attack/loss/auc", 0.5, 0)
    assert low.name == "attack/loss/auc_low"
    assert math.isnan(low.value)


def test_digests_tell_one_weight_and_one_token_apart(checkpoint, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.save_pretrained(tmp_path)
    assert weights_digest(tmp_path) == weights_digest(checkpoint)
    model.model.norm.weight.data[0] += 1
    model.save_pretrained(tmp_path)
    assert weights_digest(tmp_path) != weights_digest(checkpoint)
    told = json.loads((checkpoint / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(told, indent=7))
    assert tokenizer_digest(tmp_path) == tokenizer_digest(checkpoint)
    told["model"]["vocab"]["zz"] = 256
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    assert tokenizer_digest(tmp_path) != tokenizer_digest(checkpoint)


def test_following_draws_every_report(capsys):
    reports = [StepReport(at, 1.0, -1.5, math.nan, 1.0, 1e-3, 9, 0.1, math.nan) for at in (1, 2, 3)]
    follow((report for report in reports), "unlearning", 3)
    said = capsys.readouterr()
    assert said.out == ""
    assert "3/3" in said.err
    assert "loss=-1.500" in said.err


def test_two_that_come_first_at_once_make_the_database_once(artifacts):
    program = (
        "from tasks.track import tracking\nwith tracking() as client: client.search_experiments()"
    )
    first = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(2)
    ]
    said = [process.communicate()[1].decode() for process in first]
    assert [process.returncode for process in first] == [0, 0], said
