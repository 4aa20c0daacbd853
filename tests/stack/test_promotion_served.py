"""A promotion as the Prefect page drives it: a real server, a worker, and a person who answers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from urllib.error import HTTPError

import pytest

from tasks import ledger, registry
from tasks.core.settings import PROJECT

PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
SECONDS = 240
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]  # a process for each answer


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
            yield
        finally:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(1)
    raise AssertionError(f"no {what} within {SECONDS} s")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Calls a server's REST interface, as its page does; the promotion is deployed on it."""
    url = f"http://127.0.0.1:{(port := free_port())}/api"
    variables = {
        "PATH": f"{PROJECT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "LETHE_APPROVERS": "officer-7",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def call(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{url}{path}", data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.loads(answer.read() or "null")
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:  # SQLite is held: the page asks again
                raise
        time.sleep(1)
        return call(path, body)

    def healthy():
        try:
            return call("/health")
        except OSError:
            return False

    def prefect(*arguments):
        subprocess.run([*PREFECT, *arguments], cwd=PROJECT, check=True, capture_output=True)

    server = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    worker = [*PREFECT, "worker", "start", "--pool", "lethe", "--no-create-pool-if-not-found"]
    with ExitStack() as running:
        running.enter_context(process(server, os.environ, tmp_path / "server.log"))
        until(healthy, "healthy server")
        prefect("work-pool", "create", "lethe", "--type", "process")
        prefect("deploy", "--prefect-file", "pipelines.yaml", "--name", "promotion/champion")
        running.enter_context(process(worker, os.environ, tmp_path / "worker.log"))
        yield call


def test_a_person_who_may_not_decide_is_asked_again_and_the_answer_of_one_who_may_counts(
    served, database, a_version, tmp_path
):
    first = a_version(adopted="true")
    database.set_registered_model_alias("lethe-tiny", "champion", "1")
    ledger.advance("lethe-tiny", "", first, "lethe")
    candidate = a_version(parent=first)
    champion = served("/deployments/name/promotion/champion")["id"]
    config = {"version": candidate, "wait_hours": 1}
    run = served(
        f"/deployments/{champion}/create_flow_run",
        {"parameters": {"config": config}, "state": {"type": "SCHEDULED"}},
    )["id"]

    def state():
        return served(f"/flow_runs/{run}")["state"]

    def asked(attempt):
        """The question of that attempt, once the run waits for its answer."""

        def key():
            now = state()
            assert now["type"] not in ("FAILED", "CRASHED", "COMPLETED"), (
                tmp_path / "worker.log"
            ).read_text()[-6000:]
            keys = now["state_details"].get("run_input_keyset") or {}
            return keys.get("description", "") if f"-2-{attempt}-" in str(keys) else ""

        return served(f"/flow_runs/{run}/input/{until(key, f'question {attempt}')}")

    def answer(**said):
        return served(f"/flow_runs/{run}/resume", {"run_input": said})["status"]

    assert "would be champion after lethe-tiny/1" in asked(1)
    assert answer(decision="approve", by="Jane Doe", why="as agreed") == "REJECT"
    assert answer(decision="approve", by="officer-7", why="") == "REJECT"
    assert answer(decision="reject", by="officer-6", why="not so") == "ACCEPT"
    assert "by='officer-6': may not approve" in asked(2)
    assert registry.tags(candidate).get("lethe.rejected_by") is None
    assert answer(decision="approve", by="officer-7", why="as agreed") == "ACCEPT"
    until(lambda: state()["type"] == "COMPLETED", "end of the run")
    aliases = database.get_registered_model("lethe-tiny").aliases
    assert {alias: str(number) for alias, number in aliases.items()} == {
        "champion": "2", "previous": "1",
    }  # fmt: skip
    assert ledger.champion("lethe-tiny") == candidate
    assert registry.tags(candidate)["lethe.promoted_why"] == "as agreed"
    shown = served("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    assert any("was promoted by officer-7" in one["data"] for one in shown)
    heard = {"filter": {"event": {"name": ["lethe.promoted"]}}}
    (event,) = until(lambda: served("/events/filter", heard)["events"], "event")
    assert event["resource"]["lethe.version"] == candidate
