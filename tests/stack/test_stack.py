"""The whole stack as it is used: every server real, on loopback, with its passwords."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from tasks.core.settings import PROJECT

pytestmark = pytest.mark.timeout(900)  # the first test waits for every server

SMALL = yaml.safe_load((Path(__file__).parent / "small-run.yaml").read_text())
DEPLOYMENTS = ("unlearning/on-demand", "curation/weekly", "auditing/nightly")
SERVERS = ("postgres", "store", "prefect", "mlflow", "worker")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def deployment(served, name):
    return served.prefect(f"/deployments/name/{name}")


def status_of(address, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def bucket(served, secret):
    return boto3.client(
        "s3",
        endpoint_url=served.store_url,
        aws_access_key_id=served.secrets["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret,
        region_name="us-east-1",
    )


def test_every_server_is_well_and_status_says_where(served):
    rows = [line.split() for line in served.stack("status").stdout.splitlines()]
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        (name, str(served.ports[name]), "RUNNING", "well") for name in SERVERS
    ]


@pytest.mark.parametrize("auth", ["lethe:wrong", "admin:admin", ":"])
def test_prefect_and_mlflow_refuse_another_password(served, auth):
    search = f"{served.mlflow_uri}/api/2.0/mlflow/experiments/get?experiment_id=0"
    ours = f"lethe:{served.secrets['MLFLOW_TRACKING_PASSWORD']}"
    assert status_of(search, served.basic(ours)) == 200
    assert status_of(search, served.basic(auth)) == 401
    assert status_of(f"{served.prefect_api}/admin/version", served.basic(auth)) == 401


def test_the_store_refuses_another_key(served):
    assert bucket(served, served.secrets["AWS_SECRET_ACCESS_KEY"]).list_buckets()["Buckets"]
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        bucket(served, "wrong").list_buckets()


def test_the_databases_refuse_no_password(served):
    from infra.stack.postgres import program

    command = [program("psql"), "-w", "-h", "127.0.0.1", "-p", str(served.ports["postgres"])]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    done = subprocess.run(
        [*command, "-U", "mlflow", "mlflow"], env=clean, capture_output=True, text=True, check=False
    )
    assert "no password supplied" in done.stderr


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_deployment_is_on_the_page_with_a_form(served, name):
    found = deployment(served, name)
    assert found["enforce_parameter_schema"]
    assert found["parameter_openapi_schema"]["properties"]


@pytest.mark.parametrize("name", ["curation/weekly", "auditing/nightly"])
def test_cron_gets_scheduled_runs_within_a_minute(served, name):
    chosen = {
        "deployments": {"id": {"any_": [deployment(served, name)["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    runs = served.until(
        lambda: served.prefect("/flow_runs/filter", chosen), 60, f"scheduled run of {name}"
    )
    assert all(run["auto_scheduled"] for run in runs)


def test_a_machine_with_one_gpu_takes_one_run_for_it_at_a_time(served):
    queue = served.prefect("/work_pools/lethe/queues/gpu")
    assert queue["concurrency_limit"] == 1
    assert deployment(served, "unlearning/on-demand")["work_queue_name"] == "gpu"


@pytest.fixture(scope="module")
def run(served):
    """A run that was triggered as the page does, and has ended."""
    body = {"parameters": {"config": SMALL}, "state": {"type": "SCHEDULED"}}
    identity = deployment(served, "unlearning/on-demand")["id"]
    made = served.prefect(f"/deployments/{identity}/create_flow_run", body)

    def ended():
        found = served.prefect(f"/flow_runs/{made['id']}")
        return found if found["state"]["type"] in ENDED else None

    return served.until(ended, 500, "end of the run")


def test_the_page_asks_the_server_that_it_came_from(served):
    address = served.prefect_api.removesuffix("/api") + "/ui-settings"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert json.loads(answer.read())["api_url"] == "/api"


def test_a_run_triggered_from_the_page_completes_with_its_report(served, run):
    assert run["state"]["type"] == "COMPLETED", served.said()
    chosen = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    artifacts = served.prefect("/artifacts/filter", chosen)
    assert any("report" in (artifact["key"] or "") for artifact in artifacts)


def test_its_weights_are_in_the_store_and_come_back_through_mlflow_without_a_key(served, run):
    # the client has MLflow's password alone: the server is who may enter the bucket
    client = {k: v for k, v in served.client.items() if not k.startswith("AWS_")}
    code = (
        f"import mlflow, pathlib; mlflow.set_tracking_uri({served.mlflow_uri!r});"
        "folder = pathlib.Path(mlflow.artifacts.download_artifacts('models:/lethe-small/1'));"
        "print(sum(path.stat().st_size for path in folder.rglob('*.safetensors')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=client, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kept = (served.folder / "stack/store/mlflow").rglob("*.safetensors")
    assert int(done.stdout.split()[-1]) in {path.stat().st_size for path in kept}


def test_its_data_are_in_the_bucket_of_dvc_and_come_back_from_it_alone(served, run):
    assert any((served.folder / "stack/store/dvc/files/md5").rglob("*"))
    assert not (served.folder / "dvc-remote").exists()
    workspace = next((served.folder / "data").glob("[0-9a-f]*"))
    cache = served.folder / "dvc-cache"
    shutil.rmtree(cache)
    code = (
        "import pathlib; from tasks.commands import git_must; from tasks.versions import restore;"
        f"path = pathlib.Path({str(workspace)!r});"
        f"restore(path, git_must(path, 'rev-parse', 'HEAD'), pathlib.Path({str(cache)!r} + '-2'))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=served.client, check=True)
    assert list(Path(f"{cache}-2").rglob("forget.parquet"))


def test_no_secret_is_in_a_file_a_command_or_the_database(served, run):
    values = [value.encode() for name, value in served.secrets.items() if "USERNAME" not in name]
    values += [value.partition(b":")[2] for value in values if b":" in value]
    files = [path for path in served.folder.rglob("*") if path.is_file()]
    files += Path("/proc").glob("[0-9]*/cmdline")
    assert [str(path) for path in files if holds(path, values)] == [
        str(served.folder / "stack/secrets.env")
    ]


def holds(path, values):
    try:
        content = path.read_bytes()
    except OSError:  # gone meanwhile
        return False
    return any(value in content for value in values)


def test_an_unknown_key_is_refused_by_the_deployment_itself(served, tmp_path):
    for room in ("flows", "tasks"):
        shutil.copytree(PROJECT / room, tmp_path / room)
    text = (PROJECT / "pipelines.yaml").read_text()
    (tmp_path / "pipelines.yaml").write_text(text.replace("tags: [curation]", "tagz: [curation]"))
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    refused = subprocess.run(
        [*command, "--prefect-file", "pipelines.yaml"],
        cwd=tmp_path,
        env={k: v for k, v in served.client.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "tagz" in refused.stdout + refused.stderr


@pytest.mark.parametrize("name", ["store", "postgres", "worker"])
def test_a_server_that_is_killed_comes_back(served, name):
    killed = served.pids()[name]
    os.kill(killed, signal.SIGKILL)
    served.until(lambda: new_pid(served, name) not in (0, killed), 60, f"new {name}")
    served.until(lambda: all_well(served), 60, "stack that is well")
    assert served.pids()[name] != killed


def new_pid(served, name):
    """The process of a server that is starting or runs; 0 while there is none."""
    said = served.control("pid", name).strip()
    return int(said) if said.isdigit() else 0


def all_well(served):
    command = [sys.executable, "-m", "infra.stack", "status"]
    done = subprocess.run(
        command, cwd=PROJECT, env=served.environment, capture_output=True, check=False
    )
    return done.returncode == 0


def test_a_stop_waits_for_runs_and_names_those_that_go_on(served, monkeypatch):
    identity = deployment(served, "curation/weekly")["id"]
    body = {"name": "patient-otter", "state": {"type": "RUNNING"}}
    made = served.prefect(f"/deployments/{identity}/create_flow_run", body)
    monkeypatch.setitem(served.settings, "LETHE_STACK_DRAIN_SECONDS", "2")
    try:
        said = served.stack("down", code=2).stderr
        assert said.startswith("stack: patient-otter still run after 2 s, and the pool takes no")
        assert served.prefect("/work_pools/lethe")["is_paused"]
        assert all_well(served)
    finally:
        ended = {"state": {"type": "CANCELLED"}, "force": True}
        served.prefect(f"/flow_runs/{made['id']}/set_state", ended)


def test_a_stop_ends_everything_and_all_is_found_again_after_the_machine_was_lost(
    served, run, tmp_path
):
    before, file = served.secrets, tmp_path / "all.tar"
    served.stack("down")
    stopped = [line.split() for line in served.stack("status", code=1).stdout.splitlines()]
    assert [(row[2], row[4:]) for row in stopped] == [("-", ["not", "well"])] * len(SERVERS)
    served.stack("backup", str(file))
    shutil.rmtree(served.folder)
    served.stack("restore", str(file))
    served.stack("up")
    assert served.secrets == before
    assert served.prefect(f"/flow_runs/{run['id']}")["state"]["type"] == "COMPLETED"
    version = f"{served.mlflow_uri}/api/2.0/mlflow/model-versions/get?name=lethe-small&version=1"
    assert status_of(version, served.basic(f"lethe:{before['MLFLOW_TRACKING_PASSWORD']}")) == 200
    assert not served.prefect("/work_pools/lethe")["is_paused"]
    served.lethe("log", "verify")
