import configparser

import pytest

from infra.stack.settings import StackSettings
from infra.stack.supervision import Supervisor, configuration
from tasks.core.errors import ConfigError


def parsed(settings):
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(settings))
    return parser


def test_every_server_is_started_by_us_and_started_again_when_it_ends():
    conf = parsed(StackSettings())
    programs = [name for name in conf.sections() if name.startswith("program:")]
    assert programs == [
        f"program:{n}" for n in ("postgres", "store", "prefect", "mlflow", "worker")
    ]
    for name in programs:
        assert (conf[name]["autostart"], conf[name]["autorestart"]) == ("false", "true")


def test_logs_are_a_file_per_server_and_rotated(monkeypatch):
    monkeypatch.setenv("LETHE_STACK_LOG_MEBIBYTES", "3")
    settings = StackSettings()
    program = parsed(settings)["program:mlflow"]
    assert program["stdout_logfile"] == str(settings.folder / "logs/mlflow.log")
    assert (program["stdout_logfile_maxbytes"], program["redirect_stderr"]) == ("3MB", "true")


def test_the_supervisor_is_asked_over_a_socket_that_is_its_owners_alone():
    conf = parsed(StackSettings(root="/tmp/a"))
    assert dict(conf["unix_http_server"]) == {"file": "/tmp/a/supervisor.sock", "chmod": "0700"}
    assert not conf.has_section("inet_http_server")


def test_a_percent_sign_in_a_path_is_no_expansion():
    conf = parsed(StackSettings(root="/tmp/100%x"))
    assert conf["unix_http_server"]["file"] == "/tmp/100%%x/supervisor.sock"


def test_a_path_that_no_socket_can_have_is_refused():
    with pytest.raises(ConfigError, match=r"107 bytes .* set LETHE_STACK_ROOT to a shorter one$"):
        configuration(StackSettings(root="/tmp/" + "long/" * 20))


def test_a_supervisor_that_was_never_started_is_not_up():
    assert not Supervisor(StackSettings(root="/tmp/a")).up()
