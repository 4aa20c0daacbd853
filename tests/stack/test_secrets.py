import stat
import subprocess

import pytest

from infra.stack import secrets
from infra.stack.launch import environment
from infra.stack.services import SERVICES
from infra.stack.settings import StackSettings
from infra.stack.supervision import configuration
from tasks.core.errors import ConfigError


@pytest.fixture
def settings(artifacts):
    settings = StackSettings()
    settings.folder.mkdir(parents=True)
    return settings


@pytest.fixture
def drawn(settings):
    secrets.create(settings)
    return secrets.read(settings, secrets.ALL)


def test_the_file_is_its_owners_and_is_never_drawn_again(settings, drawn):
    assert stat.S_IMODE(secrets.path(settings).stat().st_mode) == 0o600
    secrets.create(settings)
    assert secrets.read(settings, secrets.ALL) == drawn


def test_no_two_stacks_and_no_two_secrets_are_alike(settings, drawn):
    secrets.path(settings).unlink()
    secrets.create(settings)
    again = secrets.read(settings, secrets.ALL)
    both = [
        value for found in (drawn, again) for name, value in found.items() if "USER" not in name
    ]
    assert len(set(both)) == 2 * (len(secrets.ALL) - 1)
    assert min(map(len, both)) >= 32  # 24 bytes in base64


def test_a_file_that_others_may_read_is_refused(settings, drawn):
    secrets.path(settings).chmod(0o640)
    with pytest.raises(ConfigError, match=r"can be read by others: chmod 600 it$"):
        secrets.read(settings, ["POSTGRES_PASSWORD"])


def test_what_is_missing_is_named_and_without_a_file_the_environment_counts(settings, monkeypatch):
    with pytest.raises(ConfigError, match=r"^POSTGRES_PASSWORD not in the environment"):
        secrets.read(settings, ["POSTGRES_PASSWORD"])
    monkeypatch.setenv("POSTGRES_PASSWORD", "from outside")
    assert secrets.read(settings, ["POSTGRES_PASSWORD"]) == {"POSTGRES_PASSWORD": "from outside"}


def test_a_shell_reads_the_file_as_it_was_written(settings, drawn):
    shell = f'. "{secrets.path(settings)}"; printf %s "$PREFECT_API_AUTH_STRING"'
    said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert said.stdout == drawn["PREFECT_API_AUTH_STRING"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_server_is_given_its_own_secrets_and_its_command_none(
    settings, drawn, service, monkeypatch
):
    for name in secrets.ALL:
        monkeypatch.setenv(name, drawn[name])  # a shell that has sourced the file
    given = "\n".join(environment(settings, service.name).values())
    command = "\n".join(service.command(settings))
    for name, value in drawn.items():
        if "USER" not in name:
            assert (value in given) == (name in service.secret)
            assert value not in command + configuration(settings)
