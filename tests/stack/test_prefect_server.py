"""A real Prefect server and a process worker on loopback: deploy, trigger as the page does, watch."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
DEPLOYMENTS = ("unlearning/on-demand", "curation/weekly", "auditing/nightly")
SMALL = yaml.safe_load((Path(__file__).parent / "small-run.yaml").read_text())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(command, env, log):
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=PROJECT, env=env, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield child
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (value := condition()) is not None:
            return value
        time.sleep(1)
    raise AssertionError(f"no {what} within {seconds} s")


class Api:
    """Prefect's REST interface, as its page uses it."""

    def __init__(self, url):
        self.url = url

    def call(self, path, body=None):
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def healthy(self):
        try:
            return self.call("/health") or None
        except OSError:
            return None


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A server with the deployments of pipelines.yaml, and a worker for their pool."""
    home = tmp_path_factory.mktemp("stack")
    port = free_port()
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "LETHE_ARTIFACTS": str(home / "artifacts"),
        "OMP_NUM_THREADS": "1",
    }
    server = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    api = Api(env["PREFECT_API_URL"])
    with process(server, env, home / "server.log"):
        until(api.healthy, 90, "healthy server")
        create = [*PREFECT, "work-pool", "create", "lethe", "--type", "process"]
        subprocess.run(create, cwd=PROJECT, env=env, check=True, capture_output=True)
        deploy = [*PREFECT, "deploy", "--prefect-file", "pipelines.yaml", "--all"]
        subprocess.run(deploy, cwd=PROJECT, env=env, check=True, capture_output=True)
        worker = [*PREFECT, "worker", "start", "--pool", "lethe", "--no-create-pool-if-not-found"]
        with process(worker, env, home / "worker.log"):
            yield api, home, env


def deployment(api, name):
    return api.call(f"/deployments/name/{name}")


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_deployment_is_on_the_page_with_a_form(stack, name):
    api, _, _ = stack
    found = deployment(api, name)
    assert found["enforce_parameter_schema"]
    assert found["parameter_openapi_schema"]["properties"]


@pytest.mark.parametrize("name", ["curation/weekly", "auditing/nightly"])
def test_cron_gets_scheduled_runs_within_a_minute(stack, name):
    api, _, _ = stack
    chosen = {
        "deployments": {"id": {"any_": [deployment(api, name)["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    runs = until(
        lambda: api.call("/flow_runs/filter", chosen) or None, 60, f"scheduled run of {name}"
    )
    assert all(run["auto_scheduled"] for run in runs)


def test_a_run_triggered_from_the_page_completes_with_its_artifacts(stack):
    api, home, _ = stack
    body = {"parameters": {"config": SMALL}, "state": {"type": "SCHEDULED"}}
    identity = deployment(api, "unlearning/on-demand")["id"]
    run = api.call(f"/deployments/{identity}/create_flow_run", body)

    def ended():
        state = api.call(f"/flow_runs/{run['id']}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    state = until(ended, 240, "end of the run")
    assert state["type"] == "COMPLETED", (home / "worker.log").read_text()[-4000:]
    artifacts = api.call("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert any("report" in (artifact["key"] or "") for artifact in artifacts)
    assert list((home / "artifacts" / "report").glob("*/report.html"))


def test_an_unknown_key_is_refused_by_the_deployment_itself(stack, tmp_path):
    _, _, env = stack
    for room in ("flows", "tasks"):
        shutil.copytree(PROJECT / room, tmp_path / room)
    text = (PROJECT / "pipelines.yaml").read_text()
    (tmp_path / "pipelines.yaml").write_text(text.replace("tags: [curation]", "tagz: [curation]"))
    command = [*PREFECT, "deploy", "--prefect-file", "pipelines.yaml", "--all"]
    refused = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "tagz" in refused.stdout + refused.stderr
