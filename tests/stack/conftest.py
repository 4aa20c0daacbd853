"""A real stack on loopback, at ports and in a folder of its own, for every test that asks for it."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tasks.core.settings import PROJECT

PORTS = ("postgres", "store", "prefect", "mlflow", "worker")


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Served:
    """A stack in ``folder``: its addresses, the environment of a client, and its switches."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.settings = {
            "LETHE_ARTIFACTS": str(folder),
            "LETHE_STACK_DRAIN_SECONDS": "30",
            **{f"LETHE_STACK_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
        }
        self.prefect_api = f"http://127.0.0.1:{self.ports['prefect']}/api"
        self.mlflow_uri = f"http://127.0.0.1:{self.ports['mlflow']}"
        self.store_url = f"http://127.0.0.1:{self.ports['store']}"

    @property
    def environment(self):
        """What the commands of the stack run with."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # what tests before this one told MLflow is in our own environment
        ours = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        return {**ours, "PATH": path, "OMP_NUM_THREADS": "1", **self.settings}

    @property
    def secrets(self):
        return dotenv_values(self.folder / "stack/secrets.env")

    @property
    def client(self):
        """What `infra.stack env` and the secrets make of an environment: a client's."""
        lines = self.stack("env").stdout.splitlines()
        shown = dict(line[7:].split("=", 1) for line in lines if line.startswith("export "))
        home = {"PREFECT_HOME": str(self.folder / "client")}
        return {**self.environment, **shown, **self.secrets, **home}

    def stack(self, *arguments, code=0):
        """Run a command of the stack and hold it to its exit code."""
        return self._run("infra.stack", arguments, self.environment, code)

    def lethe(self, *words):
        """What a command says that is run on a client of the stack."""
        return self._run("flows", words, self.client, 0).stdout

    def _run(self, module, arguments, environment, code):
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}{self.said()}"
        return done

    def said(self):
        """The end of every log."""
        logs = (self.folder / "stack/logs").glob("*.log")
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in logs)

    def control(self, *arguments):
        """Start or stop one server as an operator does."""
        conf = self.folder / "stack/supervisord.conf"
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(conf), *arguments]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        return done.stdout

    def pids(self):
        rows = [line.split() for line in self.stack("status").stdout.splitlines()]
        return {row[0]: int(row[2]) for row in rows}

    def prefect(self, path, body=None, auth=None):
        """Ask Prefect's REST interface, as its page does."""
        headers = {"content-type": "application/json"}
        headers |= self.basic(self.secrets["PREFECT_API_AUTH_STRING"] if auth is None else auth)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.prefect_api}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    @staticmethod
    def basic(auth):
        """The header of a user and a password."""
        return {"authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}

    @staticmethod
    def until(condition, seconds, what):
        """What ``condition`` gives, once it gives something."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.5)
        raise AssertionError(f"no {what} within {seconds} s")


@pytest.fixture(scope="session")
def served():
    """A stack that is up; tests that stop a part of it start it again."""
    # Not below pytest's own folder: PostgreSQL, as another user than root, could not enter it.
    room = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    folder = Path(tempfile.mkdtemp(prefix="lethe-stack-", dir=room))
    folder.chmod(0o711)
    stack = Served(folder)
    try:
        stack.stack("up")
        yield stack
    finally:
        stack.settings["LETHE_STACK_DRAIN_SECONDS"] = "0"
        stack.stack("down")
        shutil.rmtree(folder)
