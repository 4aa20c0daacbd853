"""A server is stopped under a running event and started again: the event goes on, or a rerun does."""

import time
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SMALL = yaml.safe_load((Path(__file__).parent / "small-run.yaml").read_text())
AWAY_SECONDS = 15
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def begun(served, config):
    identity = served.prefect("/deployments/name/unlearning/on-demand")["id"]
    body = {"parameters": {"config": config}, "state": {"type": "SCHEDULED"}}
    return served.prefect(f"/deployments/{identity}/create_flow_run", body)["id"]


def state(served, run):
    return served.prefect(f"/flow_runs/{run}")["state"]


def ended(served, run):
    return served.until(
        lambda: found if (found := state(served, run))["type"] in ENDED else None, 1200, "end"
    )


def at(served, run, step):
    """Whether a step of the run has begun."""
    chosen = {
        "task_runs": {"flow_run_id": {"any_": [run]}, "name": {"like_": f"{step}%"}},
    }
    return served.prefect("/task_runs/filter", chosen)


@pytest.mark.parametrize(
    ("name", "step"),
    [("store", "prepare"), ("mlflow", "register"), ("prefect", "train"), ("postgres", "unlearn")],
)
def test_an_event_outlives_a_server_that_goes_away_under_it(served, name, step):
    config = {**SMALL, "name": f"without-{name}"}
    run = begun(served, config)
    served.until(lambda: at(served, run, step), 900, step)
    served.control("stop", name)
    time.sleep(AWAY_SECONDS)
    served.control("start", name)
    served.stack("up")  # what the others did meanwhile is well again too
    if (found := ended(served, run))["type"] != "COMPLETED":
        assert "answer" in found["message"] or found["type"] == "CRASHED", found
        again = ended(served, begun(served, config))
        assert again["type"] == "COMPLETED", again
    table = served.prefect("/artifacts/filter", {"artifacts": {"key": {"like_": "report%"}}})
    assert table
