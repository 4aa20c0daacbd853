"""Every test writes to its own folder, and no library phones home."""

import os

import pytest

from flows.environment import defaults
from tasks.core.settings import Settings

pytest_plugins = ["tests.chromium", "tests.events", "tests.versions"]

os.environ["OMP_NUM_THREADS"] = "1"  # the suite runs a test per core
for name, value in defaults(Settings()).items():
    if name != "PREFECT_HOME":
        os.environ.setdefault(name, value)


@pytest.fixture(autouse=True)
def artifacts(tmp_path, monkeypatch):
    """The folder this test's outputs go to."""
    folder = tmp_path / "artifacts"
    monkeypatch.setenv("LETHE_ARTIFACTS", str(folder))
    return folder
