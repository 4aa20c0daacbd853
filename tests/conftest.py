"""Every test writes to its own folder, and no library phones home."""

import os
import shutil

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from flows.environment import defaults
from tasks.core.settings import Settings

pytest_plugins = ["tests.chromium", "tests.events", "tests.versions"]

MEMORY, ROOM = "/dev/shm", 4e9
"""Where files are in memory, and the bytes that a suite may need there: a database on a disk makes
each of a thousand tests wait for it some hundred times."""

if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)
hypothesis.settings.register_profile("untimed")  # machines are slow at times
hypothesis.settings.load_profile("untimed")
os.environ["OMP_NUM_THREADS"] = "1"  # the suite runs a test per core
for name, value in defaults(Settings()).items():
    if name != "PREFECT_HOME":
        os.environ.setdefault(name, value)


class OneStack(LoadFileScheduling):
    """A file goes to one process, and all of tests/stack to the same, for a stack takes a minute."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return "tests/stack" if file.startswith("tests/stack/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return OneStack(config, log)


@pytest.fixture(autouse=True)
def artifacts(tmp_path, monkeypatch):
    """The folder this test's outputs go to."""
    folder = tmp_path / "artifacts"
    monkeypatch.setenv("LETHE_ARTIFACTS", str(folder))
    return folder


@pytest.fixture(scope="session")
def prefect_server():
    """One server for all flows that tests run in this process: it takes 20 s to start."""
    from prefect.testing.utilities import prefect_test_harness  # reads what is set above

    with prefect_test_harness(server_startup_timeout=300):
        yield
