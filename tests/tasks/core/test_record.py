import errno
import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest

from tasks.core.errors import BusyError, StorageError
from tasks.core.record import Identity, Record, digests, keep, recorded
from tasks.core.variants import Section

ROOMS = ("core/errors",)


class Knobs(Section):
    knob: int = 1


def identity(kind="thing", knob=1, inputs=(), rooms=ROOMS):
    return Identity(kind=kind, config=Knobs(knob=knob), inputs=inputs, rooms=rooms)


def made(path):
    (path / "part").mkdir()
    (path / "part" / "file").write_text("whole")


def record(fingerprint, path="/somewhere"):
    return Record(kind="input", fingerprint=fingerprint, path=Path(path))


def test_what_made_a_thing_names_it():
    fingerprints = [
        identity().fingerprint,
        identity(kind="other").fingerprint,
        identity(knob=2).fingerprint,
        identity(inputs=(record("a"),)).fingerprint,
        identity(inputs=(record("b"),)).fingerprint,
        identity(inputs=(record("a"), record("b"))).fingerprint,
        identity(inputs=(record("b"), record("a"))).fingerprint,
        identity(rooms=("core/lock",)).fingerprint,
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert identity().fingerprint == identity().fingerprint


def test_where_an_input_lies_does_not_name_a_thing():
    here, there = (identity(inputs=(record("a", path),)) for path in ("/here", "/there"))
    assert here.fingerprint == there.fingerprint


def test_settings_do_not_name_a_thing(monkeypatch):
    before = identity().fingerprint
    monkeypatch.setenv("LETHE_DEVICE", "cuda")
    assert identity().fingerprint == before


def test_what_is_kept_has_its_digests_and_nothing_beside_it(artifacts):
    kept = keep(identity(inputs=(record("a"),)), made)
    assert kept.path == artifacts / "thing" / kept.fingerprint
    assert kept.files == digests(kept.path)
    assert list(kept.files) == ["part/file"]
    assert kept.inputs == ("input/a",)
    assert kept.config == {"knob": 1}
    assert recorded("thing", kept.fingerprint) == kept
    assert [path.name for path in kept.path.parent.iterdir() if path.is_dir()] == [kept.fingerprint]


def test_a_thing_is_made_once():
    first = keep(identity(), made)

    def never(path):
        raise AssertionError(f"made again in {path}")

    assert keep(identity(), never) == first


def test_a_failed_make_leaves_nothing(artifacts):
    def fails(path):
        made(path)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        keep(identity(), fails)
    assert [path for path in artifacts.rglob("*") if path.is_dir()] == [artifacts / "thing"]
    assert (keep(identity(), made).path / "part" / "file").read_text() == "whole"


def alter(path):
    (path / "part" / "file").write_text("other")


def add(path):
    (path / "more").write_text("more")


def remove(path):
    (path / "part" / "file").unlink()


@pytest.mark.parametrize("spoil", [alter, add, remove])
def test_what_was_altered_is_made_again(spoil):
    kept = keep(identity(), made)
    spoil(kept.path)
    assert keep(identity(), made) == kept
    assert digests(kept.path) == kept.files


@pytest.mark.parametrize("content", ["", "{", '{"version": 1}', "[]", "\0"])
def test_a_record_that_cannot_be_read_is_made_again(content):
    kept = keep(identity(), made)
    (kept.path / "record.json").write_text(content)
    assert keep(identity(), made) == kept


def test_a_folder_without_a_record_is_made_again(artifacts):
    kept = keep(identity(), made)
    (kept.path / "record.json").unlink()
    assert keep(identity(), made) == kept


def test_what_a_killed_run_left_in_scratch_is_not_used(artifacts):
    fingerprint = identity().fingerprint
    scratch = artifacts / "thing" / f".{fingerprint}.scratch"
    scratch.mkdir(parents=True)
    (scratch / "half").write_text("half")
    assert list(keep(identity(), made).files) == ["part/file"]


def race(artifacts, start, makings):
    os.environ["LETHE_ARTIFACTS"] = str(artifacts)

    def slowly(path):
        with makings.get_lock():
            makings.value += 1
        made(path)

    start.wait(60)
    keep(identity(), slowly)


def test_racing_processes_make_a_thing_once(artifacts):
    spawn = multiprocessing.get_context("spawn")
    start, makings = spawn.Barrier(3), spawn.Value("i", 0)
    processes = [spawn.Process(target=race, args=(artifacts, start, makings)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert makings.value == 1


def test_a_thing_being_made_is_busy(monkeypatch):
    monkeypatch.setenv("LETHE_WAIT_SECONDS", "0")

    def again(_):
        keep(identity(), made)

    with pytest.raises(BusyError, match=f"held by process {os.getpid()} on "):
        keep(identity(), again)


def test_no_permission_is_said_in_one_line(artifacts):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path / "file"))

    with pytest.raises(StorageError, match=r"file may not be written: .* LETHE_ARTIFACTS$"):
        keep(identity(), refused)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(small_disk, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(small_disk))

    def large(path):
        (path / "file").write_bytes(bytes(2**20))

    with pytest.raises(StorageError, match=r"^no space left for .*: free some, or set LETHE"):
        keep(identity(), large)
    assert [path for path in small_disk.rglob("*") if path.is_dir()] == [small_disk / "thing"]
    assert list(keep(identity(), made).files) == ["part/file"]


def test_a_read_only_disk_is_said_in_one_line(small_disk, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(small_disk))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match=r"may not be written: change its mode, or set LETHE"):
        keep(identity(), made)
