import multiprocessing
import os

import pytest

from tasks.core.errors import BusyError
from tasks.core.lock import held


def hold(path, holding, enough):
    with held(path, wait_seconds=5):
        holding.set()
        enough.wait(30)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds ``tmp_path/thing.lock``, and the event that lets it go."""
    spawn = multiprocessing.get_context("spawn")
    holding, enough = spawn.Event(), spawn.Event()
    process = spawn.Process(target=hold, args=(tmp_path / "thing.lock", holding, enough))
    process.start()
    assert holding.wait(30)
    yield process, enough
    if process.is_alive():  # an event that a dead process waits for would wait for it
        enough.set()
        process.join(30)


def test_whoever_waits_in_vain_is_told_who_holds_it(holder, tmp_path):
    process, _ = holder
    message = rf"^thing is held by process {process.pid} on .*: wait for it, or raise LETHE_WAIT"
    with pytest.raises(BusyError, match=message), held(tmp_path / "thing.lock", wait_seconds=0):
        pass


def test_it_is_free_once_the_holder_lets_go(holder, tmp_path):
    _, enough = holder
    enough.set()
    with held(tmp_path / "thing.lock", wait_seconds=30):
        assert f"process {os.getpid()} on" in (tmp_path / "thing.lock").read_text()
    assert (tmp_path / "thing.lock").read_text() == ""


def test_it_is_free_once_the_holder_is_dead(holder, tmp_path):
    process, _ = holder
    process.kill()
    process.join(30)
    with held(tmp_path / "thing.lock", wait_seconds=5):
        pass


def test_it_is_free_after_an_error_inside(tmp_path):
    with pytest.raises(ZeroDivisionError), held(tmp_path / "thing.lock", wait_seconds=0):
        _ = 1 / 0
    with held(tmp_path / "thing.lock", wait_seconds=0):
        assert (tmp_path / "thing.lock").read_text().startswith("process ")
