"""Automations on a real Prefect server, and a receiver on loopback that hears what they post."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

PROJECT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
pytestmark = pytest.mark.timeout(600)

NAMES = {
    "lethe: gate failed", "lethe: request due", "lethe: regression", "lethe: worker gone",
    "lethe: run crashed", "lethe: run stuck",
}  # fmt: skip
REMIND = """
from datetime import UTC, datetime
from prefect import flow
from tasks import ledger
from tasks.remind import remind
from tasks.requests.deletion import Draft
from tasks.requests.request import Request

ledger.add(Draft(
    asked_by="subject-7", ground="copyright", received=datetime.now(UTC),
    request=Request(authors=["Marta Quill"]),
))

@flow
def reminding():
    print(*(one.id for one in remind(31)))

reminding()
"""
SLEEP = """
import time
from prefect import flow

@flow
def sleeping():
    time.sleep(600)

sleeping()
"""


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
            if child.poll() is None:
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
        time.sleep(0.5)
    raise AssertionError(f"no {what} within {seconds} s")


def call(url, body=None, method=None):
    """The answer; asked again while SQLite is busy, which the server says with 503."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method=method,
    )
    for _ in range(10):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(1)
    raise AssertionError(f"{url} stays unavailable")


def healthy(api):
    try:
        return call(f"{api}/health") or None
    except OSError:
        return None


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.headers["content-type"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Nothing to say."""


@pytest.fixture(scope="module")
def receiver():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.heard = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, receiver):
    """A server that looks for lost workers every second, with our automations."""
    home = tmp_path_factory.mktemp("automations")
    port = free_port()
    env = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "LETHE_ARTIFACTS": str(home / "artifacts"),
        "LETHE_NOTIFY_URL": f"http://127.0.0.1:{receiver.server_port}/hook",
    }
    server = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    api = env["PREFECT_API_URL"]
    with process(server, env, home / "server.log"):
        until(lambda: healthy(api), 300, "healthy server")
        yield api, env, home, applied(env)


def applied(env):
    """What became of every automation: ``{"made": {names}, ...}``."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.automations"],
        cwd=PROJECT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        what, name = line.split(maxsplit=1)
        found.setdefault(what, set()).add(name)
    return found


def ours(api):
    there = call(f"{api}/automations/filter", {})
    return {one["name"]: one for one in there if one["name"].startswith("lethe: ")}


def emit(api, event, resource, name, payload):
    call(
        f"{api}/events",
        [
            {
                "id": str(uuid4()),
                "occurred": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "event": event,
                "resource": {"prefect.resource.id": resource, "prefect.resource.name": name},
                "payload": payload,
            }
        ],
    )


def heard(receiver, event, seconds=90):
    def posted():
        return next((body for _, body in receiver.heard if body["event"] == event), None)

    return until(posted, seconds, f"notification of {event}")


def test_automations_are_made_once(stack):
    api, env, _, first = stack
    assert first == {"made": NAMES}
    before = {name: one["id"] for name, one in ours(api).items()}
    assert applied(env) == {"same": NAMES}
    assert {name: one["id"] for name, one in ours(api).items()} == before


def test_what_was_changed_by_hand_is_put_back_and_what_is_no_longer_ours_goes(stack):
    api, env, _, _ = stack
    spoiled = ours(api)["lethe: gate failed"]
    stray = {
        key: value for key, value in spoiled.items() if key not in ("id", "created", "updated")
    }
    call(f"{api}/automations/", {**stray, "name": "lethe: of an earlier release"})
    call(f"{api}/automations/{spoiled['id']}", {"enabled": False}, "PATCH")
    done = applied(env)
    assert done["changed"] == {"lethe: gate failed"}
    assert done["removed"] == {"lethe: of an earlier release"}
    assert ours(api).keys() == NAMES
    assert ours(api)["lethe: gate failed"]["enabled"]


def test_a_failed_gate_is_posted_with_markup_in_a_name_escaped(stack, receiver):
    api, _, _, _ = stack
    emit(api, "lethe.gate.failed", "lethe.event.0a1b", 'lethe-"demo"<b>', {"requests": ["r-1"]})
    body = heard(receiver, "lethe.gate.failed")
    assert body == {
        "text": 'Lethe: a model failed its gate (lethe-"demo"<b>)',
        "event": "lethe.gate.failed",
        "resource": "lethe.event.0a1b",
        "payload": {"requests": ["r-1"]},
    }
    assert {kind for kind, _ in receiver.heard} == {"application/json"}


def test_a_regression_is_posted(stack, receiver):
    api, _, _, _ = stack
    emit(api, "lethe.regression", "lethe.model.lethe-demo", "lethe-demo", {"kinds": ["membership"]})
    assert heard(receiver, "lethe.regression")["payload"] == {"kinds": ["membership"]}


def test_a_request_near_its_due_date_is_posted_without_what_it_asks(stack, receiver):
    _, env, _, _ = stack
    done = subprocess.run(
        [sys.executable, "-c", REMIND], cwd=PROJECT, env=env, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    (id,) = done.stdout.split()
    body = heard(receiver, "lethe.request.due")
    assert body["payload"] == {
        "id": id, "status": "received", "models": ["lethe-demo"], "days_left": 29,
    }  # fmt: skip
    assert not {"Quill", "subject-7"} & set(json.dumps(receiver.heard).split())


def test_a_worker_that_is_gone_is_posted(stack, receiver):
    api, env, home, _ = stack
    create = [*PREFECT, "work-pool", "create", "lethe", "--type", "process"]
    subprocess.run(create, cwd=PROJECT, env=env, check=True, capture_output=True)
    worker = [*PREFECT, "worker", "start", "--pool", "lethe", "--no-create-pool-if-not-found"]

    def ready():
        return call(f"{api}/work_pools/lethe")["status"] == "READY" or None

    with process(worker, env, home / "worker.log") as child:
        until(ready, 120, "ready pool")
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    body = heard(receiver, "prefect.work-pool.not-ready", 120)
    assert body["text"] == "Lethe: no worker takes runs any more (lethe)"


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_marked_crashed_and_posted(stack, receiver):
    api, env, home, _ = stack

    def run():
        found = call(f"{api}/flow_runs/filter", {"flows": {"name": {"any_": ["sleeping"]}}})
        return next((one for one in found if one["state_type"] == "RUNNING"), None)

    with process([sys.executable, "-c", SLEEP], env, home / "sleep.log") as child:
        begun = until(run, 120, "running flow run")
        time.sleep(5)  # the first heartbeat
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def crashed():
        state = call(f"{api}/flow_runs/{begun['id']}")["state"]
        return state if state["type"] == "CRASHED" else None

    assert until(crashed, 240, "crashed run")["message"].startswith("no heartbeat")
    assert heard(receiver, "prefect.flow-run.Crashed")["resource"].endswith(begun["id"])


def test_without_an_address_nothing_that_only_notifies_is_kept(stack):
    api, env, _, _ = stack
    done = applied({**env, "LETHE_NOTIFY_URL": ""})
    assert done["removed"] == NAMES - {"lethe: run stuck"}
    assert ours(api).keys() == {"lethe: run stuck"}
    blocks = call(f"{api}/block_documents/filter", {})
    assert "lethe-notify" not in {one["name"] for one in blocks}


def test_without_a_server_it_says_so(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    env |= {"PREFECT_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-m", "flows.automations"],
        cwd=PROJECT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "PREFECT_API_URL is not set" in done.stderr
