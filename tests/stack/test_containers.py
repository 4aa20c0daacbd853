"""The files for containers say what the stack's settings, services and pins say."""

import json
import re
import tomllib
from importlib.resources import files
from itertools import chain

import jsonschema
import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

from infra.stack import secrets
from infra.stack.compaction import OPTIONS
from infra.stack.deploy import TEMPLATE
from infra.stack.launch import JOBS
from infra.stack.postgres import PASSWORDS
from infra.stack.services import (
    HEARTBEAT_SECONDS,
    SERVICES,
    WORKER,
    client_environment,
    service,
)
from infra.stack.settings import StackSettings
from tasks.core.settings import PROJECT

INFRA = PROJECT / "infra"
KUBERNETES = kubernetes_validate.latest_version()
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
IMAGE = f"lethe:{PYPROJECT['project']['version']}"
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]
MANIFESTS = {
    f"{file.stem}-{document['kind']}-{document['metadata']['name']}": document
    for file in sorted((INFRA / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
}
SETS = [document for document in MANIFESTS.values() if "template" in document.get("spec", {})]
PODS = {document["metadata"]["name"]: document["spec"]["template"]["spec"] for document in SETS}
POSTGRES_IMAGE = "postgres:15.18-bookworm"


def pinned(lines):
    """The versions of what is asked for exactly, by normalised name."""
    return dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)


def of_containers():
    """The settings that the containers have in place of the defaults."""
    hosts = {f"{name}_host": name for name in ("postgres", "store", "prefect", "mlflow")}
    return StackSettings(**hosts)


def setting_variables():
    return {f"LETHE_STACK_{name.upper()}" for name in StackSettings.model_fields}


def wanted(name):
    """The secrets that a server, the databases' job, or a job of Prefect's client needs."""
    if name == "databases":
        return {"POSTGRES_PASSWORD", *PASSWORDS.values()}
    if name == "postgres":
        return {"POSTGRES_PASSWORD"}
    return set(WORKER.secret if name in JOBS else service(name).secret)


def referred(container):
    """The secrets that a container of Kubernetes is given, each by reference."""
    given = [entry for entry in container["env"] if "valueFrom" in entry]
    for entry in given:
        assert entry["valueFrom"]["secretKeyRef"] == {"name": "lethe", "key": entry["name"]}
    return {entry["name"] for entry in given}


def test_the_composition_fits_its_schema():
    schema = files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    whole = yaml.safe_load((INFRA / "compose.yaml").read_text())
    jsonschema.validate(whole, json.loads(schema.read_text()))


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_manifest_fits_its_schema(name):
    kubernetes_validate.validate(MANIFESTS[name], KUBERNETES, strict=True)


def test_the_image_is_pinned_runs_as_nobody_in_particular_and_tells_its_health():
    lines = DockerfileParser(fileobj=(INFRA / "Dockerfile").open("rb+")).structure
    said = {line["instruction"]: line["value"] for line in lines}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", said["FROM"])
    assert said["USER"] == "10001"
    assert said["HEALTHCHECK"].endswith('CMD ["python", "-m", "infra.stack", "well"]')
    extras = re.search(
        r"'\.\[(.*)\]'", next(li["value"] for li in lines if "pip install" in li["value"])
    )
    assert set(extras[1].split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])
    assert "--constraint infra/constraints.txt" in str(lines)
    for line in lines:
        for path in line["value"].split()[:-1] if line["instruction"] == "COPY" else []:
            assert (PROJECT / path).exists(), path


def test_every_pin_of_pyproject_is_the_pin_of_the_constraints():
    constraints = pinned((INFRA / "constraints.txt").read_text().split())
    project = PYPROJECT["project"]
    exact = pinned(chain(project["dependencies"], *project["optional-dependencies"].values()))
    assert {name: constraints.get(name) for name in exact} == exact


@pytest.mark.parametrize("name", [n for n in COMPOSE if n != "postgres"])
def test_a_container_of_the_composition_has_its_own_secrets_and_no_others(name):
    given = COMPOSE[name]["environment"]
    role = name if name == "databases" else given["LETHE_STACK_SERVICE"]
    assert COMPOSE[name]["image"] == IMAGE
    assert set(given) & set(secrets.ALL) == wanted(role)
    for variable in wanted(role):
        assert given[variable] == f"${{{variable}:?give --env-file}}"
    unknown = {key for key in given if key.startswith("LETHE_STACK")} - setting_variables()
    assert unknown <= {"LETHE_STACK_SERVICE"}


def test_published_ports_are_those_of_the_settings_and_loopback_only():
    published = {name: entry["ports"] for name, entry in COMPOSE.items() if "ports" in entry}
    settings = of_containers()
    assert published == {
        name: [f"127.0.0.1:{port}:{port}"]
        for name, port in (("prefect", settings.prefect_port), ("mlflow", settings.mlflow_port))
    }
    assert f"port={settings.postgres_port}" in COMPOSE["postgres"]["command"]


@pytest.mark.parametrize("option", OPTIONS.items(), ids=lambda one: one[0])
def test_both_start_postgresql_so_that_nothing_deleted_stays(option):
    (container,) = PODS["postgres"]["containers"]
    for words in (COMPOSE["postgres"]["command"], container["args"]):
        assert "=".join(option) in words


def test_both_take_the_same_postgresql():
    assert COMPOSE["postgres"]["image"] == POSTGRES_IMAGE
    assert PODS["postgres"]["containers"][0]["image"] == POSTGRES_IMAGE


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_pod_has_its_port_its_image_and_its_own_secrets(name):
    (container,) = PODS[name]["containers"]
    port = service(name).port(of_containers())
    assert container["ports"] == [{"containerPort": port}]
    assert referred(container) == wanted(name)
    if name != "postgres":
        assert container["image"] == IMAGE
        assert container["args"] == ["run", name]
        exposed = MANIFESTS.get(f"{name}-Service-{name}")
        assert exposed is None or exposed["spec"]["ports"] == [{"port": port, "targetPort": port}]


@pytest.mark.parametrize("pod", ["prefect", "worker"])
def test_what_is_done_once_is_done_before_a_pod_starts(pod):
    (container,) = PODS[pod]["initContainers"]
    assert container["args"][-1] == container["name"]
    assert referred(container) == wanted(container["name"])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_not_root_and_gains_nothing(name):
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_maps_hold_settings_and_what_a_client_needs():
    settings = of_containers()
    known = MANIFESTS["settings-ConfigMap-lethe"]["data"]
    assert set(known) <= setting_variables()
    assert {f"{k[12:].lower()}": v for k, v in known.items() if k.endswith("_HOST")} == {
        f"{name}_host": name for name in ("postgres", "store", "prefect", "mlflow")
    }
    client = dict(MANIFESTS["settings-ConfigMap-run"]["data"])
    assert client.pop("PREFECT_FLOWS_HEARTBEAT_FREQUENCY") == str(HEARTBEAT_SECONDS)
    assert client == client_environment(settings)


def test_only_who_needs_a_server_may_reach_it():
    policies = {n: d["spec"] for n, d in MANIFESTS.items() if d["kind"] == "NetworkPolicy"}
    assert policies["network-NetworkPolicy-nothing"]["podSelector"] == {}
    for name in ("postgres", "store", "prefect", "mlflow"):
        (rule,) = policies[f"network-NetworkPolicy-{name}"]["ingress"]
        port = service(name).port(of_containers())
        assert rule["ports"] == [{"protocol": "TCP", "port": port}]


def filled(value, known):
    """A template with its variables in place, as the worker fills them in."""
    if isinstance(value, dict):
        return {key: filled(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    if isinstance(value, str) and (found := re.fullmatch(r"\{\{ (\w+) \}\}", value)):
        return known[found[1]]
    if isinstance(value, str) and "{{" in value:
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: str(known[found[1]]), value)
    return value


def test_a_run_on_kubernetes_asks_for_a_gpu_has_secrets_by_reference_and_the_volume():
    template = json.loads(TEMPLATE.read_text())
    variables = template["variables"]["properties"]
    given = {"name": "run", "command": ["prefect", "flow-run", "execute"]}
    known = {n: v["default"] for n, v in variables.items() if "default" in v} | given
    assert set(known) == set(variables)
    job = filled(template["job_configuration"]["job_manifest"], known)
    quantities = job["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert quantities["limits"]["nvidia.com/gpu"] == quantities["requests"]["nvidia.com/gpu"] == 1
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert referred(container) == set(secrets.CLIENT)
    claims = [
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["volumes"]
        if "persistentVolumeClaim" in v
    ]
    assert [f"storage-PersistentVolumeClaim-{name}" in MANIFESTS for name in claims] == [True]
    assert job["spec"]["template"]["metadata"]["labels"] == {"app": "run"}
