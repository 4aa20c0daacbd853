import socket

import pytest

from infra.stack import lifecycle, postgres
from infra.stack.services import SERVICES, service
from infra.stack.settings import StackSettings
from tasks.core.errors import ConfigError, StorageError


@pytest.fixture
def listener():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_port_that_is_taken_is_named_with_who_needs_it_and_what_moves_it(
    listener, name, artifacts, monkeypatch
):
    monkeypatch.setenv(service(name).port_setting, str(listener))
    said = (
        rf"^port {listener} is not free for {name} \(Address already in use\): "
        rf"set LETHE_STACK_{name.upper()}_PORT to another$"
    )
    with pytest.raises(ConfigError, match=said):
        lifecycle.up(StackSettings())
    assert not (artifacts / "stack/secrets.env").exists()


def test_two_servers_at_one_port_are_refused_before_anything_starts(artifacts):
    with pytest.raises(ConfigError, match=r"^prefect and mlflow are both to listen on port 4200"):
        lifecycle.up(StackSettings(prefect_port=4200, mlflow_port=4200))


def test_a_stack_that_never_was_is_stopped_by_doing_nothing(artifacts):
    lifecycle.down(StackSettings())
    assert not (artifacts / "stack").exists()
    assert not any(row.well or row.pid for row in lifecycle.standing(StackSettings()))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/stack may not be written .*LETHE_STACK_ROOT$"):
        lifecycle.up(StackSettings(root=tmp_path / "file/stack"))


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    with pytest.raises(ConfigError, match=r"apt-get install postgresql$"):
        postgres.program("initdb")


def test_the_newest_postgresql_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    for version in ("9", "15", "14"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin/initdb").touch()
    assert postgres.program("initdb") == str(tmp_path / "15/bin/initdb")


def test_there_is_no_server_of_another_name():
    with pytest.raises(
        ConfigError, match=r"^there is no server redis: take one of postgres, store"
    ):
        service("redis")
