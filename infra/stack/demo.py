"""A day of an operator on the running stack, played from end to end: ``make demo-stack``.

Two requests: one is approved through Prefect's API, answered, promoted, put back, promoted again,
certified and erased; the other fails its gate and waits for a new approval. Every step is what a
person would do: a command, or an answer to a form.
"""

import json
import shlex
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import typer
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType

from tasks.core.errors import ProcessError

PROMPT = "$"
POLL_SECONDS = 2
WAIT_SECONDS = 3600
"""For a run to stop or ask: an event trains two models."""
IMPOSSIBLE = ["gate.utility_factor=1.000001", "gate.forgotten_share=1", "unlearn.steps=2"]
ENDED = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
OFFICER = "officer-7"


def main() -> None:
    """Play the day; any step that does not do what it should ends it with exit code 1."""
    with get_client(sync_client=True) as client:
        good = _filed("authors=[Marta Quill]", "subject-0042")
        other = _filed("authors=[Casper Oduya]", "subject-0043")
        _say(
            "The first request is answered from the Prefect page: the run asks, a person approves."
        )
        run = _begun(client, "deletion/on-request", requests=[good], approval="wait")
        _answer(client, run, "identity checked, the claim is good")
        _must(client, run, StateType.COMPLETED)
        _lethe("request", "show", good)
        _say("The second is held to a gate that nothing can pass: it fails and keeps its evidence.")
        _lethe("request", "plan", other)
        _lethe("request", "approve", other, "--by", OFFICER)
        run = _begun(
            client, "deletion/on-request", requests=[other], escalation=[], changes=IMPOSSIBLE
        )
        _must(client, run, StateType.FAILED)
        _lethe("request", "show", other)
        _say("The candidate is promoted by a person, put back, and promoted again.")
        _lethe("promote", "lethe-demo@candidate", "--by", OFFICER, "--why", "the gate passed")
        _lethe("rollback", "lethe-demo", "--by", OFFICER, "--why", "to see that it can be")
        run = _begun(client, "promotion/champion", version="lethe-demo@candidate")
        _answer(client, run, "the report was read")
        _must(client, run, StateType.COMPLETED)
        _say("The first request has its certificate; then its text is erased everywhere.")
        for page in json.loads(_lethe("certify", good, "--json"))[good]:
            _lethe("certificate", "verify", page.replace("certificate.html", "certificate.json"))
        _lethe("erase", good, "--by", OFFICER)
        _lethe("log", "verify")
        _lethe("request", "list")


def _say(words: str) -> None:
    typer.echo(f"\n# {words}")


def _lethe(*words: str) -> str:
    """Run a command as a person would and show it; what it printed."""
    typer.echo(f"{PROMPT} lethe {shlex.join(words)}")
    done = subprocess.run(
        [sys.executable, "-m", "flows", *words], capture_output=True, text=True, check=False
    )
    typer.echo(done.stdout.rstrip())
    if done.returncode:
        raise ProcessError(f"lethe {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _filed(selector: str, asked_by: str) -> str:
    words = [selector, "--asked-by", asked_by, "--ground", "consent_withdrawn", "--json"]
    return str(json.loads(_lethe("request", "add", *words))["id"])


def _begun(client: SyncPrefectClient, deployment: str, **config: Any) -> UUID:
    """A run of a deployment, with its configuration in place of the deployment's own."""
    typer.echo(f"{PROMPT} # {deployment} on the Prefect page: {json.dumps(config)}")
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters={"config": config}).id


def _answer(client: SyncPrefectClient, run: UUID, why: str) -> None:
    """Approve, as the form on the page does, once the run asks."""
    state = _until(client, run, {StateType.PAUSED, *ENDED})
    if state.type != StateType.PAUSED:
        raise ProcessError(f"run {run} ended {state.name} before it asked: {state.message}")
    said = {"decision": "approve", "by": OFFICER, "why": why}
    typer.echo(f"{PROMPT} # the form of the run is answered: {json.dumps(said)}")
    time.sleep(5)  # the process that asked is still ending
    accepted = client.resume_flow_run(run, run_input=said)
    if accepted.status.value != "ACCEPT":
        raise ProcessError(f"run {run} did not take the answer: {accepted.details}")


def _must(client: SyncPrefectClient, run: UUID, end: StateType) -> None:
    state = _until(client, run, ENDED)
    typer.echo(f"the run is {state.name}: {(state.message or '')[:200]}")
    if state.type != end:
        raise ProcessError(f"run {run} ended {state.name}, not {end.value}: {state.message}")


def _until(client: SyncPrefectClient, run: UUID, wanted: set[StateType]) -> Any:
    begun = time.monotonic()
    while time.monotonic() - begun < WAIT_SECONDS:
        state = client.read_flow_run(run).state
        if state and state.type in wanted:
            return state
        time.sleep(POLL_SECONDS)
    raise ProcessError(f"run {run} did not get there within {WAIT_SECONDS} s")


if __name__ == "__main__":
    main()
