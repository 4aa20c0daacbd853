"""The passwords of the stack: drawn on the first start, kept in one file that only its owner reads.

The file holds shell assignments under the names that clients read, so that a person can source it.
In a container the same names come from the environment and there is no file.
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from dotenv import dotenv_values

from infra.stack.settings import StackSettings
from tasks.core.errors import ConfigError

OWNER_ONLY = 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO
USER = "lethe"
PASSWORD_BYTES = 24  # 192 bits


def drawn() -> str:
    """A password of letters, digits, ``-`` and ``_``: safe in a shell, a URL and an INI file."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


CLIENT: Mapping[str, Callable[[], str]] = {
    "PREFECT_API_AUTH_STRING": lambda: f"{USER}:{drawn()}",
    "MLFLOW_TRACKING_USERNAME": lambda: USER,
    "MLFLOW_TRACKING_PASSWORD": drawn,
    "AWS_ACCESS_KEY_ID": drawn,
    "AWS_SECRET_ACCESS_KEY": drawn,
    "PGPASSWORD": drawn,
}
"""What a client of the stack needs, and the worker."""

SERVER: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": drawn,
    "PREFECT_DATABASE_PASSWORD": drawn,
    "MLFLOW_DATABASE_PASSWORD": drawn,
    "MLFLOW_FLASK_SERVER_SECRET_KEY": drawn,
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": lambda: Fernet.generate_key().decode(),
}
ALL = {**CLIENT, **SERVER}


def path(settings: StackSettings) -> Path:
    """The file, whether or not it is there."""
    return settings.folder / "secrets.env"


def create(settings: StackSettings) -> None:
    """Draw every secret unless the file is there."""
    file = path(settings)
    if file.exists():
        return
    scratch = file.with_suffix(".scratch")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as out:
        out.writelines(f"{name}={draw()}\n" for name, draw in ALL.items())
        out.flush()
        os.fsync(descriptor)
    scratch.rename(file)


def read(settings: StackSettings, names: Iterable[str]) -> dict[str, str]:
    """These secrets, from the file, or from the environment where there is no file.

    Raises:
        ConfigError: others may read the file, or a secret is missing.
    """
    file = path(settings)
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & OTHERS:
        raise ConfigError(f"{file} can be read by others: chmod 600 it")
    held: Mapping[str, str | None] = os.environ
    if file.exists():
        held = dotenv_values(file, interpolate=False)
    found = {name: held.get(name) or "" for name in names}
    if missing := [name for name, value in found.items() if not value]:
        where = file if file.exists() else f"the environment (there is no {file})"
        raise ConfigError(f"{', '.join(missing)} not in {where}: set what is missing")
    return found
