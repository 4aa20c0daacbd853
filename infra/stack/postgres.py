"""The PostgreSQL cluster of the stack: made once, with passwords, below the stack's root.

PostgreSQL refuses to run as root; started by root it runs as the system's user ``postgres``.
"""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection, encrypt_password

from infra.stack import compaction, secrets
from infra.stack.settings import StackSettings
from tasks.core.errors import ConfigError, ProcessError

INSTALLED = Path("/usr/lib/postgresql")
SUPERUSER = "postgres"
DATABASES = {
    "prefect": "prefect",
    "mlflow": "mlflow",
    "mlflow_users": "mlflow",
    "ledger": "lethe",
}
"""Each database and the role that owns it."""
PASSWORDS = {
    "prefect": "PREFECT_DATABASE_PASSWORD",
    "mlflow": "MLFLOW_DATABASE_PASSWORD",
    "lethe": "PGPASSWORD",  # clients of the ledger: libpq reads it
}
REACH_SECONDS = 5


def program(name: str) -> str:
    """A program of the newest PostgreSQL here; Debian keeps them off the PATH.

    Raises:
        ConfigError: there is none.
    """
    found = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise ConfigError(f"there is no PostgreSQL below {INSTALLED}: apt-get install postgresql")
    return str(found[-1])


def user() -> str:
    """Who PostgreSQL runs as: whoever asks, unless that is root.

    Raises:
        ConfigError: the system has nobody to run it as.
    """
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise ConfigError("PostgreSQL does not run as root: start the stack as another user")


def command(folder: Path, settings: StackSettings) -> list[str]:
    """The server; only TCP, so that no path of a socket can be too long."""
    options = {
        "listen_addresses": str(settings.bind),
        "port": str(settings.postgres_port),
        "unix_socket_directories": "",
        "log_min_messages": "warning",
        "timezone": "UTC",
        **compaction.OPTIONS,
    }
    pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return [program("postgres"), "-D", str(folder), *pairs]


def well(settings: StackSettings) -> bool:
    """Whether the server takes connections."""
    arguments = ["-q", "-h", settings.postgres_host, "-p", str(settings.postgres_port)]
    return subprocess.run([program("pg_isready"), *arguments], check=False).returncode == 0


def create(settings: StackSettings) -> None:
    """Make the cluster unless it is there; it appears only when it is whole.

    Raises:
        ConfigError: whoever PostgreSQL runs as cannot reach the folder.
        ProcessError: initdb failed.
    """
    folder = settings.folder / "postgres"
    if folder.exists():
        return
    with tempfile.TemporaryDirectory(prefix=".postgres.", dir=settings.folder) as scratch:
        made, password = Path(scratch) / "cluster", Path(scratch) / "password"
        password.write_text(secrets.read(settings, ["POSTGRES_PASSWORD"])["POSTGRES_PASSWORD"])
        _give(Path(scratch), password)
        _initialise(made, password)
        made.rename(folder)


def _give(*paths: Path) -> None:
    account = pwd.getpwnam(user())
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid)
    if subprocess.run(["test", "-w", paths[0]], user=account.pw_uid, check=False).returncode:
        raise ConfigError(
            f"the user {account.pw_name}, whom PostgreSQL runs as, cannot reach {paths[0].parent}: "
            "set LETHE_STACK_ROOT to a folder whose parents all may enter"
        )


def _initialise(folder: Path, password: Path) -> None:
    done = subprocess.run(
        [
            *(program("initdb"), "-D", str(folder), "-U", SUPERUSER, f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        ],
        cwd=folder.parent,
        user=pwd.getpwnam(user()).pw_uid,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ProcessError(f"initdb in {folder.parent}: {' '.join(done.stderr.split())}")


def adopt(settings: StackSettings) -> None:
    """Give a cluster that was restored to whoever PostgreSQL runs as on this machine.

    Raises:
        ConfigError: it is of another PostgreSQL than the one that is installed.
    """
    folder = settings.folder / "postgres"
    if not folder.is_dir():
        return
    version, installed = (folder / "PG_VERSION").read_text().strip(), Path(program("postgres"))
    if installed.parts[-3] != version:
        raise ConfigError(
            f"{folder} is of PostgreSQL {version}, installed is {installed.parts[-3]}: "
            f"apt-get install postgresql-{version}"
        )
    _give(folder, *folder.rglob("*"))


def end_orphan(settings: StackSettings) -> None:
    """Stop a server whose supervisor was killed; no other end would let go of the port."""
    folder = settings.folder / "postgres"
    if (folder / "postmaster.pid").exists():
        subprocess.run(
            [program("pg_ctl"), "stop", "-D", str(folder), "-m", "fast", "-s"],
            cwd="/",
            user=pwd.getpwnam(user()).pw_uid,
            check=False,  # the file may be there without the process; then there is nothing to stop
            capture_output=True,
        )


def create_databases(settings: StackSettings) -> None:
    """Make each database and its role unless they are there, and set the roles' passwords."""
    held = secrets.read(settings, ["POSTGRES_PASSWORD", *PASSWORDS.values()])
    with _superuser(settings, held["POSTGRES_PASSWORD"], "postgres") as server:
        for role, name in PASSWORDS.items():
            _create_role(server, role, held[name])
        for database, owner in DATABASES.items():
            _create_database(server, database, owner)
    for database in DATABASES:
        with _superuser(settings, held["POSTGRES_PASSWORD"], database) as server:
            compaction.install(server, database, DATABASES["ledger"])


@contextmanager
def _superuser(settings: StackSettings, password: str, database: str) -> Iterator[connection]:
    server = psycopg2.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=SUPERUSER,
        password=password,
        dbname=database,
        connect_timeout=REACH_SECONDS,
    )
    try:
        server.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        yield server
    finally:
        server.close()


def _create_role(server: connection, role: str, password: str) -> None:
    """The password goes out as its SCRAM verifier, so that no log of a statement can hold it."""
    verifier = encrypt_password(password, role, scope=server, algorithm="scram-sha-256")
    with server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        verb = "ALTER" if cursor.fetchone() else "CREATE"
        statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
        cursor.execute(statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(verifier)))


def _create_database(server: connection, database: str, owner: str) -> None:
    with server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if cursor.fetchone():
            return
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        cursor.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
        # Otherwise every role may connect to every database.
        revoke = sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC")
        cursor.execute(revoke.format(sql.Identifier(database)))
