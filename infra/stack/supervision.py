"""The supervisor: one supervisord below the stack's root, asked over its UNIX socket."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from infra.stack import postgres
from infra.stack.services import POSTGRES, SERVICES, Service
from infra.stack.settings import StackSettings
from tasks.core.errors import ConfigError, ProcessError
from tasks.core.settings import PROJECT

SOCKET_LENGTH = 107  # bytes of a path that fit in sockaddr_un
START_SECONDS = 20
POLL_SECONDS = 0.2
GOING = ("STARTING", "RUNNING", "BACKOFF")
STOP_SECONDS = 60
"""For a server to end by itself before it is killed."""
RETRIES = 20
"""Starts that fail one after another, a second later each time, before a server stays down."""


class Process(NamedTuple):
    """What the supervisor knows of a server; ``pid`` is 0 where there is none."""

    name: str
    state: str
    pid: int


def log_path(settings: StackSettings, name: str) -> Path:
    """The log of a server."""
    return settings.folder / "logs" / f"{name}.log"


def socket_path(settings: StackSettings) -> Path:
    """Where the supervisor listens.

    Raises:
        ConfigError: the system cannot take so long a path.
    """
    path = settings.folder / "supervisor.sock"
    if len(os.fsencode(path)) > SOCKET_LENGTH:
        raise ConfigError(
            f"{path} is longer than the {SOCKET_LENGTH} bytes a socket may have: "
            "set LETHE_STACK_ROOT to a shorter one"
        )
    return path


def configuration(settings: StackSettings) -> str:
    """supervisord.conf; ``%`` begins an expansion there, so our own are doubled."""
    folder = settings.folder
    sections: dict[str, dict[str, Any]] = {
        "unix_http_server": {"file": socket_path(settings), "chmod": "0700"},
        "supervisord": {
            "logfile": log_path(settings, "supervisor"),
            "pidfile": folder / "supervisor.pid",
            **({} if os.geteuid() else {"user": "root"}),  # otherwise it warns of it
        },
        "supervisorctl": {"serverurl": f"unix://{socket_path(settings)}"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": ("supervisor.rpcinterface:make_main_rpcinterface")
        },
        **{f"program:{service.name}": _program(service, settings) for service in SERVICES},
    }
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key}={_escaped(value)}" for key, value in keys.items()), ""])
        for name, keys in sections.items()
    )


def _program(service: Service, settings: StackSettings) -> dict[str, Any]:
    return {
        **_started(service, settings),
        "autostart": "false",  # we start them, each when those before it are well
        "autorestart": "true",
        "startsecs": 1,
        "startretries": RETRIES,
        "stopsignal": service.stop_signal,
        "stopwaitsecs": STOP_SECONDS,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": log_path(settings, service.name),
        "stdout_logfile_maxbytes": f"{settings.log_mebibytes}MB",
        "stdout_logfile_backups": settings.log_files,
    }


def _started(service: Service, settings: StackSettings) -> dict[str, Any]:
    """PostgreSQL itself, as its own user; the others through `infra.stack run`, with secrets."""
    if service is POSTGRES:
        user = {} if os.geteuid() else {"user": postgres.user()}
        command = service.command(settings)
        return {"command": _line(command), "directory": settings.folder / "postgres", **user}
    command = [sys.executable, "-m", "infra.stack", "run", service.name]
    return {"command": _line(command), "directory": PROJECT}


def _line(command: Sequence[str]) -> str:
    """A command as supervisord reads it, by the rules of a shell."""
    return shlex.join(command)


def _escaped(value: Any) -> str:
    return str(value).replace("%", "%%")


class Supervisor:
    """The running supervisor of a stack, or one that can be started."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings

    @property
    def _server(self) -> Any:
        """A connection of its own for each call: one that failed once is never good again."""
        transport = SupervisorTransport(
            None, None, serverurl=f"unix://{socket_path(self.settings)}"
        )
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def up(self) -> bool:
        """Whether it answers."""
        try:
            self._server.getState()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Start it in the background.

        Raises:
            ProcessError: it does not answer.
        """
        file = self.settings.folder / "supervisord.conf"
        file.write_text(configuration(self.settings))
        command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(file)]
        subprocess.run(command, cwd=PROJECT, check=True, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self.up():
            if time.monotonic() > deadline:
                log = log_path(self.settings, "supervisor")
                raise ProcessError(f"the supervisor does not answer: see {log}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it; returns when its process is gone."""
        pid = int(self._server.getPID())
        self._server.shutdown()
        deadline = time.monotonic() + STOP_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def processes(self) -> dict[str, Process]:
        """Every server by name."""
        found = [
            Process(entry["name"], entry["statename"], int(entry["pid"]))
            for entry in self._server.getAllProcessInfo()
        ]
        return {process.name: process for process in found}

    def start_process(self, name: str) -> None:
        """Start a server unless it runs or is being started again; it need not be well yet."""
        if self.processes()[name].state not in GOING:
            self._server.startProcess(name, False)

    def stop_process(self, name: str) -> None:
        """Stop a server that runs; returns when it has ended."""
        if self.processes()[name].pid:
            self._server.stopProcess(name, True)
