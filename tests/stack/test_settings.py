import pytest

from infra.stack.settings import StackSettings, current, setting
from tasks.core.errors import ConfigError


def test_state_is_below_artifacts_unless_said(monkeypatch, tmp_path):
    assert StackSettings().folder == tmp_path / "artifacts/stack"
    monkeypatch.setenv("LETHE_STACK_ROOT", str(tmp_path / "elsewhere"))
    assert StackSettings().folder == tmp_path / "elsewhere"


def test_state_is_not_where_an_erasure_would_remove_it(monkeypatch, tmp_path):
    monkeypatch.setenv("LETHE_STACK_ROOT", str(tmp_path / "artifacts/servers"))
    with pytest.raises(
        ConfigError, match=r"^LETHE_STACK_ROOT: .*take .*artifacts/stack, or a folder"
    ):
        current()


def test_servers_listen_on_loopback_unless_told():
    assert StackSettings().bind.is_loopback


def test_every_server_has_a_port_of_its_own():
    ports = [v for name, v in StackSettings() if name.endswith("_port")]
    assert len(set(ports)) == len(ports) == 5


@pytest.mark.parametrize(
    ("field", "value"), [("mlflow_port", "0"), ("mlflow_port", "65536"), ("gpus", "0")]
)
def test_a_value_out_of_its_bounds_is_refused(monkeypatch, field, value):
    monkeypatch.setenv(setting(field), value)
    with pytest.raises(ConfigError, match=f"^{setting(field)}: Input should be "):
        current()


def test_the_variable_of_a_field_moves_it(monkeypatch):
    monkeypatch.setenv(setting("prefect_port"), "4201")
    assert StackSettings().prefect_api == "http://127.0.0.1:4201/api"


def test_an_address_of_a_database_holds_no_password():
    found = StackSettings(postgres_port=5433).database("mlflow", "psycopg2", "mlflow_users")
    assert found == "postgresql+psycopg2://mlflow@127.0.0.1:5433/mlflow_users"
