"""A backup of folders without servers; tests of the stack do the same with all of it."""

import os
import stat
import tarfile

import pytest

from infra.stack.backup import backup, restore
from infra.stack.settings import StackSettings
from tasks.core.errors import ConfigError, DataError


@pytest.fixture
def kept(artifacts):
    (artifacts / "data" / "empty").mkdir(parents=True)
    (artifacts / "data" / "documents.parquet").write_bytes(os.urandom(5000))
    (artifacts / "keys").mkdir(mode=0o700)
    key = artifacts / "keys" / "certificate.pem"
    key.write_text("a key")
    key.chmod(0o600)
    (artifacts / "checkpoints").mkdir()
    (artifacts / "checkpoints" / "half.safetensors").write_text("not needed")
    return artifacts


def test_what_is_restored_is_what_was_there_modes_and_empty_folders_too(kept, tmp_path):
    was = (kept / "data" / "documents.parquet").read_bytes()
    file = tmp_path / "all.tar"
    assert backup(StackSettings(), file) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept.rename(tmp_path / "lost")
    assert restore(StackSettings(), file) == 2
    assert (kept / "data" / "documents.parquet").read_bytes() == was
    assert (kept / "data" / "empty").is_dir()
    assert stat.S_IMODE((kept / "keys" / "certificate.pem").stat().st_mode) == 0o600
    assert not (kept / "checkpoints").exists()
    assert not list(tmp_path.glob(".*restored"))


def test_a_backup_is_restored_only_where_nothing_is(kept, tmp_path):
    backup(StackSettings(), tmp_path / "all.tar")
    with pytest.raises(ConfigError, match="is not empty"):
        restore(StackSettings(), tmp_path / "all.tar")
    assert (kept / "keys" / "certificate.pem").read_text() == "a key"


def test_a_backup_is_not_written_over_another(kept, tmp_path):
    (tmp_path / "all.tar").write_text("older")
    with pytest.raises(ConfigError, match="is there already"):
        backup(StackSettings(), tmp_path / "all.tar")
    assert (tmp_path / "all.tar").read_text() == "older"


def test_a_changed_byte_is_found_and_nothing_is_put_in_place(kept, tmp_path):
    file = tmp_path / "all.tar"
    backup(StackSettings(), file)
    with tarfile.open(file) as archive:
        at = archive.getmember("artifacts/keys/certificate.pem").offset_data
    whole = bytearray(file.read_bytes())
    whole[at] ^= 1
    file.write_bytes(whole)
    kept.rename(tmp_path / "lost")
    with pytest.raises(DataError, match=r"keys/certificate.pem is not what was written"):
        restore(StackSettings(), file)
    assert not kept.exists()


@pytest.mark.parametrize("keep", [0, 700, 3000])
def test_a_backup_that_is_cut_off_is_refused(kept, tmp_path, keep):
    file = tmp_path / "all.tar"
    backup(StackSettings(), file)
    file.write_bytes(file.read_bytes()[:keep])
    kept.rename(tmp_path / "lost")
    with pytest.raises(DataError, match="no whole backup"):
        restore(StackSettings(), file)
    assert not kept.exists()


def test_without_anything_to_keep_that_is_said(tmp_path):
    with pytest.raises(ConfigError, match="nothing to back up"):
        backup(StackSettings(), tmp_path / "all.tar")
