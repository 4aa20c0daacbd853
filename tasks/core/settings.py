"""Where and how Lethe runs. Never part of an identity: no setting can change a result.

Every field is read from the environment (``LETHE_ARTIFACTS=/data/lethe``) at the time it is asked.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds params.yaml, dvc.yaml and pipelines.yaml."""

SPIN = "2000"
"""GOMP_SPINCOUNT: turns that a thread spins at a barrier before it sleeps. The library's own
300,000 take a busy machine's cores from the thread that is waited for; none at all cost an idle
machine a third of its speed (``infra/benchmarks/spin.py`` shows both)."""


class Settings(BaseSettings):
    """Paths, devices and addresses."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", frozen=True)
    artifacts: Path = Field(default=Path("artifacts"), description="every output; removable")
    tracking_uri: str = Field(default="", description="MLflow; empty: SQLite under artifacts")
    signing_key: str = Field(
        default="",
        description="Ed25519 key that signs certificates, a PEM file of mode 600, made on first "
        "use; empty: keys/certificate.pem under artifacts",
    )
    ledger: str = Field(
        default="", description="SQLAlchemy address of the ledger; empty: SQLite under artifacts"
    )
    approvers: str = Field(
        default="", description="references that may approve, by commas; empty: anybody"
    )
    notify_url: str = Field(
        default="", repr=False, description="where automations post what happened; empty: nowhere"
    )
    tombstones: str = Field(
        default="",
        description="file of the marks of what was erased; empty: tombstones.json under artifacts",
    )
    grace_days: float = Field(
        default=30, ge=0, description="how long a revoked model version is kept before it goes"
    )
    dvc_remote: str = Field(
        default="",
        description="s3://BUCKET of the data, at AWS_ENDPOINT_URL_S3; empty: below artifacts",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = Field(default=1, ge=1, description="training processes, one per GPU")
    checkpoint_seconds: float = Field(
        default=30, ge=0, description="between checkpoints of a training; 0: after every step"
    )
    wait_seconds: float = Field(default=60, ge=0, description="how long to wait for a busy output")

    @property
    def root(self) -> Path:
        """``artifacts`` as an absolute path."""
        return self.artifacts.absolute()

    @property
    def mlflow_uri(self) -> str:
        """The tracking address, whether given or the default."""
        return self.tracking_uri or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def tombstones_path(self) -> Path:
        """The file of the tombstones, whether given or the default."""
        return Path(self.tombstones or self.root / "tombstones.json").absolute()

    @property
    def signing_path(self) -> Path:
        """The file of the signing key, whether given or the default."""
        return Path(self.signing_key or self.root / "keys" / "certificate.pem").absolute()

    @property
    def ledger_uri(self) -> str:
        """The address of the ledger, whether given or the default."""
        return self.ledger or f"sqlite:///{self.root / 'ledger.db'}"
