"""Certificates held against what is there, and against what somebody changed since."""

import base64
import json
import shutil
import stat
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from tasks import registry
from tasks.certificates import envelope, keys
from tasks.certificates.statement import decoded, encoded
from tasks.certify import amended
from tasks.core.errors import CertificateError, RegistryError
from tasks.core.settings import Settings
from tasks.track import tracking
from tasks.verify import verified


@contextmanager
def changed(path, at=-1):
    """A byte of the file is another one meanwhile."""
    before, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o600)
    content = bytearray(before)
    content[at] ^= 1
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


@pytest.fixture
def key(issued):
    return keys.public(keys.public_path(Settings().signing_path))


def until(name, file, key):
    """The check of that name; those after it are not made."""
    return next(check for check in verified(file, key) if check.name == name)


def stored(issued, name):
    """The file of that name in the store of the registry."""
    with tracking() as client:
        found = registry.find(client, issued.version)
        run = client.get_run(found.run_id)
        store = Path(run.info.artifact_uri.removeprefix("file://")).parents[1]
    (path,) = [path for path in store.rglob(Path(name).name) if str(path).endswith(name)]
    return path


def test_everything_holds_from_a_second_clean_folder(issued, key, tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_TRACKING_URI", Settings().mlflow_uri)
    public = shutil.copy(keys.public_path(Settings().signing_path), tmp_path / "theirs.pem")
    file = shutil.copy(issued.file, tmp_path / "certificate.json")
    monkeypatch.setenv("LETHE_ARTIFACTS", str(tmp_path / "second"))
    done = CliRunner().invoke(app, ["certificate", "verify", str(file), "--key", str(public)])
    assert done.stdout.splitlines() == [
        f"holds  signature: Ed25519, by key {key.keyid}",
        "holds  model: 5 files of lethe-tiny/1 as certified",
        "holds  evidence: 6 files of stored evidence as certified",
        "holds  metrics: 15 figures of retrained, target, unlearned computed again",
        "holds  data: 5 files of data revision "
        f"{json.loads((issued.data.path / 'revision.json').read_text())['revision'][:12]} "
        "as certified",
    ]
    assert done.exit_code == 0
    assert not (tmp_path / "second" / "keys").exists()


def test_another_key_is_told_and_nothing_else_is_looked_at(issued, tmp_path):
    keys.signer(tmp_path / "other.pem")
    other = tmp_path / "other.pub.pem"
    done = CliRunner().invoke(
        app, ["certificate", "verify", str(issued.file), "--key", str(other), "--json"]
    )
    result = json.loads(done.stdout)
    assert [check["name"] for check in result["checks"]] == ["signature"]
    assert not result["holds"]
    assert done.exit_code == 3


@pytest.mark.parametrize("at", [0, 5, 100, -2, -40])
def test_a_byte_changed_in_the_certificate_is_found(issued, key, at):
    with changed(issued.file, at):
        try:
            (check,) = verified(issued.file, key)
        except CertificateError:
            return
        assert (check.name, check.holds) == ("signature", False)


def test_a_changed_file_of_the_model_is_named(issued, key):
    with changed(stored(issued, "model.safetensors")):
        check = until("model", issued.file, key)
    assert check == ("model", False, "lethe-tiny/1: model.safetensors changed")


def test_changed_evidence_is_named_and_not_computed_with(issued, key):
    with changed(stored(issued, "unlearned/forget.parquet"), at=200):
        *_, evidence, metrics = islice(verified(issued.file, key), 4)
    assert evidence == (
        "evidence", False, "stored evidence: evidence/unlearned/forget.parquet changed",
    )  # fmt: skip
    assert metrics.name == "metrics"
    assert not metrics.holds


def test_evidence_that_is_gone_is_named(issued, key):
    path = stored(issued, "target/forget.parquet")
    path.rename(away := path.with_suffix(".away"))
    try:
        check = until("evidence", issued.file, key)
    finally:
        away.rename(path)
    assert not check.holds
    assert "evidence/target/forget.parquet missing" in check.message


def test_figures_that_the_evidence_does_not_give_are_found_though_they_are_signed(
    issued, key, tmp_path
):
    said = decoded(base64.b64decode(json.loads(issued.file.read_bytes())["payload"]), "here")
    told = json.loads(encoded(said))
    told["predicate"]["measured"]["headline"]["unlearned"]["attack/loss/auc"]["value"] = 0.5
    file = tmp_path / "certificate.json"
    signer = keys.signer(Settings().signing_path)
    file.write_bytes(envelope.signed(json.dumps(told).encode(), signer))
    check = until("metrics", file, key)
    assert not check.holds
    assert check.message.startswith("unlearned attack/loss/auc is 0.53 (")
    assert "certified is 0.5 (" in check.message


def remote(issued, name):
    """Where the remote of DVC has that split."""
    revision = json.loads((issued.data.path / "revision.json").read_text())
    md5 = revision["md5"][name]
    root = Path(revision["workspace"]).parents[1]
    return root / "dvc-remote" / "files/md5" / md5[:2] / md5[2:]


def test_changed_data_is_named(issued, key):
    with changed(remote(issued, "forget")):
        check = until("data", issued.file, key)
    assert check.name == "data"
    assert not check.holds


def test_data_that_is_nowhere_is_told(issued, key, tmp_path):
    with tracking() as client:
        found = registry.find(client, issued.version)
        place = found.tags["lethe.workspace"]
        client.set_model_version_tag(found.name, found.version, "lethe.workspace", str(tmp_path))
    try:
        check = until("data", issued.file, key)
    finally:
        with tracking() as client:
            client.set_model_version_tag(found.name, found.version, "lethe.workspace", place)
    assert not check.holds
    assert "is no workspace on this machine" in check.message


def test_what_was_revoked_or_erased_need_not_be_there(issued, key):
    with changed(stored(issued, "model.safetensors")), changed(remote(issued, "forget")):
        revoked = amended.fn(issued.file, issued.deletion, issued.head, "revoked")
        erased = amended.fn(issued.file, issued.deletion, issued.head, "erased", ["a backup"])
        model = until("model", revoked.path / "certificate.json", key)
        data = until("data", erased.path / "certificate.json", key)
    assert model == (
        "model", True, "lethe-tiny/1 is revoked: its files need not be there any more",
    )  # fmt: skip
    assert data == ("data", True, "erased since: nothing of it is there to be compared")


def test_a_registry_that_does_not_know_the_version_is_no_failed_check(
    issued, key, artifacts, database, monkeypatch
):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(artifacts))
    with pytest.raises(RegistryError, match="no model version 'lethe-tiny/1'"):
        list(verified(issued.file, key))


def test_a_file_that_is_not_there_or_is_none_cannot_be_read(key, tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(CertificateError, match="name a certificate"):
            next(verified(path, key))
    (tmp_path / "words").write_text("once upon a time")
    with pytest.raises(CertificateError, match="is no certificate"):
        next(verified(tmp_path / "words", key))


def test_nothing_is_left_behind(issued, key):
    until("evidence", issued.file, key)
    assert not list(Settings().root.glob(".verify-*"))
