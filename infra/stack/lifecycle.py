"""Start, stop and show the stack: servers in their order, each when those before it are well."""

import logging
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from infra.stack import postgres, secrets
from infra.stack.services import POSTGRES, PREFECT, SERVICES, Service
from infra.stack.settings import StackSettings
from infra.stack.supervision import Supervisor, log_path
from tasks.core.errors import BusyError, ConfigError, ProcessError, StorageError
from tasks.core.lock import held
from tasks.core.settings import PROJECT, Settings

POLL_SECONDS = 0.3
log = logging.getLogger(__name__)


class Standing(NamedTuple):
    """How a server does."""

    name: str
    port: int
    pid: int
    state: str
    well: bool


def up(settings: StackSettings) -> None:
    """Start what is not up; returns when every server is well and the deployments are known.

    Raises:
        ConfigError: a port is taken, a program is missing, or a folder cannot be used.
        ProcessError: a server did not become well.
        BusyError: another start or stop goes on.
    """
    create_root(settings)
    with held(settings.folder / ".lock", Settings().wait_seconds):
        supervisor = Supervisor(settings)
        if not supervisor.up():
            postgres.end_orphan(settings)
            _refuse_taken_ports(settings)
            secrets.create(settings)
            postgres.create(settings)
            supervisor.start()
        for service in SERVICES:
            _start(supervisor, service, settings)
            if service in PREPARED:
                PREPARED[service](settings)


def create_root(settings: StackSettings) -> None:
    """Others may pass through, for PostgreSQL of root is one; what is in it is each owner's."""
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
        settings.folder.chmod(0o711)
        for name in ("logs", "store", "prefect"):
            (settings.folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{settings.folder} may not be written ({error.strerror}): set LETHE_STACK_ROOT"
        ) from None


def _refuse_taken_ports(settings: StackSettings) -> None:
    users: dict[int, Service] = {}
    for service in SERVICES:
        port = service.port(settings)
        if other := users.get(port):
            raise ConfigError(
                f"{other.name} and {service.name} are both to listen on port {port}: "
                f"set {service.port_setting} to another"
            )
        users[port] = service
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((str(settings.bind), port))
            except OSError as error:
                raise ConfigError(
                    f"port {port} is not free for {service.name} ({error.strerror}): "
                    f"set {service.port_setting} to another"
                ) from None


def _start(supervisor: Supervisor, service: Service, settings: StackSettings) -> None:
    supervisor.start_process(service.name)
    begun = time.monotonic()
    while not service.well(settings):
        if time.monotonic() - begun > settings.start_seconds:
            raise ProcessError(
                f"{service.name} was not well within {settings.start_seconds:g} s: "
                f"see {log_path(settings, service.name)}"
            )
        time.sleep(POLL_SECONDS)
    log.info("%s is well after %.1f s", service.name, time.monotonic() - begun)


def deploy(settings: StackSettings) -> None:
    """Make the pool, its queue, the deployments.

    Raises:
        ProcessError: Prefect refused.
    """
    done = _job("deploy", settings)
    if done.returncode:
        raise ProcessError(f"Prefect refused the deployments: {_last(done)}")


def down(settings: StackSettings) -> None:
    """Wait for runs, then stop every server in reverse order. Nothing is lost.

    Raises:
        BusyError: runs go on after `drain_seconds`, or another start or stop goes on.
    """
    if not settings.folder.exists() or not (supervisor := Supervisor(settings)).up():
        return
    with held(settings.folder / ".lock", Settings().wait_seconds):
        _drain(settings)
        for service in reversed(SERVICES):
            supervisor.stop_process(service.name)
        supervisor.stop()


def _drain(settings: StackSettings) -> None:
    """Runs are the worker's; without Prefect there is nobody who knows of them."""
    if not PREFECT.well(settings):
        log.warning("prefect is not up, so no run is waited for")
        return
    done = _job("drain", settings)
    if done.returncode and settings.drain_seconds:
        raise BusyError(_last(done))


def standing(settings: StackSettings) -> list[Standing]:
    """How every server does, in the order in which they start."""
    supervisor = Supervisor(settings)
    known = supervisor.processes() if supervisor.up() else {}
    return [
        Standing(
            service.name,
            service.port(settings),
            known[service.name].pid if known else 0,
            known[service.name].state if known else "STOPPED",
            bool(known) and bool(known[service.name].pid) and service.well(settings),
        )
        for service in SERVICES
    ]


def _job(name: str, settings: StackSettings) -> subprocess.CompletedProcess[str]:
    with log_path(settings, name).open("a") as out:
        done = subprocess.run(
            [sys.executable, "-m", "infra.stack", "run", name],
            cwd=PROJECT,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
        out.write(done.stderr)
    return done


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that it said."""
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1]


PREPARED = {POSTGRES: postgres.create_databases, PREFECT: deploy}
"""What has to be there before the next server starts."""
