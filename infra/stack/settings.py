"""Where the stack's servers listen and keep their state.

Every field is read from the environment (``LETHE_STACK_MLFLOW_PORT=5001``) at the time it is asked.
"""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.core.errors import ConfigError
from tasks.core.settings import Settings

Port = Annotated[int, Field(ge=1, le=65_535)]
LOOPBACK = "127.0.0.1"


class StackSettings(BaseSettings):
    """Addresses, folders, limits. Passwords are no settings: see ``secrets``."""

    model_config = SettingsConfigDict(env_prefix="LETHE_STACK_", frozen=True)
    root: Path = Field(
        default_factory=lambda: Settings().root / "stack",
        description="state of every server; default: stack under artifacts",
    )
    bind: IPv4Address = Field(
        default=IPv4Address(LOOPBACK), description="the address that the servers listen on"
    )
    postgres_host: str = Field(default=LOOPBACK, description="where the others find PostgreSQL")
    postgres_port: Port = 15432
    store_host: str = Field(default=LOOPBACK, description="where the others find the S3 store")
    store_port: Port = 19000
    prefect_host: str = Field(default=LOOPBACK, description="where the others find Prefect")
    prefect_port: Port = 14200
    mlflow_host: str = Field(default=LOOPBACK, description="where the others find MLflow")
    mlflow_port: Port = 15000
    worker_port: Port = Field(default=18080, description="only says whether it is well")
    pool_type: Literal["process", "kubernetes"] = Field(
        default="process", description="whether runs are processes of the worker or jobs"
    )
    gpus: int = Field(default=1, ge=1, description="runs of the queue `gpu` at the same time")
    start_seconds: float = Field(default=300, gt=0, description="for one server to become healthy")
    drain_seconds: float = Field(
        default=600, ge=0, description="to wait for runs when stopping; 0: stop them"
    )
    log_mebibytes: int = Field(default=10, ge=1, description="size at which a log is rotated")
    log_files: int = Field(default=5, ge=1, description="rotated logs that are kept per server")

    @field_validator("root")
    @classmethod
    def _out_of_reach(cls, root: Path) -> Path:
        """What else lies below the artifacts is taken for a copy by an erasure, and removed."""
        artifacts = Settings().root.absolute()
        if root.absolute() != artifacts / "stack" and root.absolute().is_relative_to(artifacts):
            raise ValueError(f"take {artifacts / 'stack'}, or a folder elsewhere, not {root}")
        return root

    @property
    def folder(self) -> Path:
        """``root`` as an absolute path."""
        return self.root.absolute()

    @property
    def prefect_api(self) -> str:
        """Prefect's address for clients."""
        return f"http://{self.prefect_host}:{self.prefect_port}/api"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's address for clients."""
        return f"http://{self.mlflow_host}:{self.mlflow_port}"

    @property
    def store_url(self) -> str:
        """The address of the S3 store for clients."""
        return f"http://{self.store_host}:{self.store_port}"

    def database(self, role: str, driver: str, name: str) -> str:
        """The address of a database, without its password: libpq and asyncpg read PGPASSWORD."""
        return f"postgresql+{driver}://{role}@{self.postgres_host}:{self.postgres_port}/{name}"


def setting(field: str) -> str:
    """The environment variable of a field."""
    assert field in StackSettings.model_fields, field
    return f"LETHE_STACK_{field.upper()}"


def current() -> StackSettings:
    """The settings of this environment.

    Raises:
        ConfigError: a variable breaks its rule.
    """
    try:
        return StackSettings()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{setting(str(first['loc'][0]))}: {first['msg']}") from None
