from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.core.settings import PROJECT, Settings


def test_the_environment_is_read_when_it_is_asked(monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", "/one")
    assert Settings().root == Path("/one")
    monkeypatch.setenv("LETHE_ARTIFACTS", "two")
    assert Settings().root == Path.cwd() / "two"


@pytest.mark.parametrize(
    ("name", "value"), [("DEVICE", "tpu"), ("PROCESSES", "0"), ("WAIT_SECONDS", "-1")]
)
def test_a_setting_out_of_bounds_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(f"LETHE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_the_project_is_where_it_is_described():
    assert (PROJECT / "pyproject.toml").is_file()
