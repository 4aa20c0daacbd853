"""Serve the MLflow and Prefect pages from what runs left under ``artifacts``."""

import os
import sys
from typing import Literal

from tasks.core.settings import Settings


def serve(page: Literal["mlflow", "prefect"]) -> None:
    """Become the server of ``page``, on loopback, until interrupted."""
    command = {"mlflow": _mlflow(Settings()), "prefect": _prefect()}[page]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606 - no shell is wanted


def _mlflow(settings: Settings) -> list[str]:
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    return ["mlflow", "ui", "--backend-store-uri", settings.mlflow_uri, "--host", "127.0.0.1"]


def _prefect() -> list[str]:
    return ["prefect", "server", "start", "--host", "127.0.0.1"]
