"""The command line of the stack: ``python -m infra.stack up|down|status|env``."""

import logging
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.stack import backup, launch, lifecycle, postgres, secrets
from infra.stack.services import client_environment, service
from infra.stack.settings import current
from tasks.core.errors import LetheError

NOT_UP, BAD_INPUT = 1, 2
Name = Annotated[
    str, typer.Argument(envvar="LETHE_STACK_SERVICE", help="a server; for `run` also a job")
]
File = Annotated[Path, typer.Argument(help="a file of mode 600")]
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="PostgreSQL, an S3 store, Prefect, MLflow and a worker on one machine.",
)


@app.command()
def up() -> None:
    """Start what is not up, and say where it is."""
    settings, begun = current(), time.monotonic()
    lifecycle.up(settings)
    typer.echo(
        f"The stack is up after {time.monotonic() - begun:.0f} s.\n"
        f"  Prefect  http://{settings.prefect_host}:{settings.prefect_port}\n"
        f"  MLflow   {settings.mlflow_uri}\n"
        f"Users and passwords are in {secrets.path(settings)}; to use it from a shell:\n"
        f'  eval "$(python -m infra.stack env)"'
    )


@app.command()
def down() -> None:
    """Take no more runs, wait for those that go on, stop every server; data stays."""
    lifecycle.down(current())


@app.command()
def status() -> None:
    """Each server, its port, process and health; exit code 1 where one is not well."""
    rows = lifecycle.standing(current())
    for row in rows:
        health = "well" if row.well else "not well"
        typer.echo(f"{row.name:<10}{row.port:>6}{row.pid or '-':>9}  {row.state:<10}{health}")
    if not all(row.well for row in rows):
        raise typer.Exit(NOT_UP)


@app.command("backup")
def make_backup(file: File) -> None:
    """Write all that the stopped stack and Lethe know to one file that only its owner reads."""
    typer.echo(f"{backup.backup(current(), file):,} files in {file}")


@app.command()
def restore(file: File) -> None:
    """Bring a backup back, where nothing is yet; then start the stack."""
    typer.echo(f"{backup.restore(current(), file):,} files are back; start with: make stack")


@app.command()
def env() -> None:
    """Shell lines that make `lethe` and `prefect` clients of the stack; they hold no secret."""
    settings = current()
    for name, value in client_environment(settings).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo(f"set -a; . {shlex.quote(str(secrets.path(settings)))}; set +a")


@app.command("secrets")
def make_secrets() -> None:
    """Draw the passwords unless they are there, and say in which file."""
    settings = current()
    lifecycle.create_root(settings)
    secrets.create(settings)
    typer.echo(secrets.path(settings))


@app.command()
def run(name: Name) -> None:
    """Become a server or a job: what the supervisor and the containers start."""
    launch.become(current(), name)


@app.command()
def well(name: Name) -> None:
    """Exit code 1 unless the server is well: the health check of a container."""
    if not service(name).well(current()):
        raise typer.Exit(NOT_UP)


@app.command()
def databases() -> None:
    """Make the databases and roles of a PostgreSQL that runs."""
    postgres.create_databases(current())


def main() -> None:
    """Run a command; what we foresaw is one line on standard error and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except LetheError as error:
        typer.echo(f"stack: {error}", err=True)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
