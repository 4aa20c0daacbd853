"""What Prefect does by itself when something happens: notify, and mark dead runs as crashed.

``python -m flows.automations`` makes the server's automations those of this file: by name, so that
nothing is made twice, and one of ours that is no longer here is removed. With ``LETHE_NOTIFY_URL``
each notifies through a webhook block: a JSON object with text, event, resource and payload is
posted to it. Without it none that only notifies is made. Payloads hold ids and counts alone.

A flow run sends a heartbeat as often as ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` says, which must be
the same here as where the runs are.
"""

import json
import sys
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, get_current_settings

from tasks.core.errors import ConfigError, LetheError
from tasks.core.events import GATE_FAILED, REGRESSION, REQUEST_DUE
from tasks.core.settings import Settings

OURS = "lethe: "
"""How the names of our automations begin."""
BLOCK, POOL = "lethe-notify", "lethe"
MISSED = 2.5
"""Heartbeats without which a run counts as dead: one may be late, not two."""
ENDED = ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused")


class Notice(NamedTuple):
    """An event that somebody must hear of."""

    name: str
    event: str
    resource: str
    """Pattern of the resource's id."""
    labels: dict[str, str]
    """What else the resource says of itself."""
    text: str


NOTICES = (
    Notice("gate failed", GATE_FAILED, "lethe.event.*", {}, "a model failed its gate"),
    Notice("request due", REQUEST_DUE, "lethe.request.*", {}, "a request is due soon, or late"),
    Notice("regression", REGRESSION, "lethe.model.*", {}, "a model may know what was forgotten"),
    Notice(
        "worker gone",
        "prefect.work-pool.not-ready",
        "prefect.work-pool.*",
        {"prefect.resource.name": POOL},
        "no worker takes runs any more",
    ),
    Notice(
        "run crashed",
        "prefect.flow-run.Crashed",
        "prefect.flow-run.*",
        {},
        "a run died, or sent no sign of life and was marked so",
    ),
)


class Applied(NamedTuple):
    """What became of the automations, by name."""

    made: list[str]
    changed: list[str]
    same: list[str]
    removed: list[str]


def apply() -> Applied:
    """Make the server's automations those of this file.

    Raises:
        ConfigError: there is no server that would keep them.
    """
    if not PREFECT_API_URL.value():
        raise ConfigError(
            "PREFECT_API_URL is not set: automations live in a Prefect server; start it, and set it"
        )
    wanted = [stuck(), *notifications(_block(Settings().notify_url))]
    applied = Applied([], [], [], [])
    with get_client(sync_client=True) as client:
        there = {one.name: one for one in client.read_automations() if one.name.startswith(OURS)}
        for one in wanted:
            known = there.pop(one.name, None)
            if known is None:
                client.create_automation(one)
                applied.made.append(one.name)
            elif known.model_dump(exclude={"id"}) == one.model_dump():
                applied.same.append(one.name)
            else:
                # what is not set would stay as somebody left it: switched off, for one
                whole = AutomationCore(**one.model_dump(exclude={"owner_resource"}))
                client.update_automation(known.id, whole)
                applied.changed.append(one.name)
        for name, gone in there.items():
            client.delete_automation(gone.id)
            applied.removed.append(name)
        _prune_block(client)
    return applied


def stuck() -> AutomationCore:
    """A run whose heartbeat stops is marked crashed: its process is gone, and says nothing more."""
    frequency = get_current_settings().flows.heartbeat_frequency
    if frequency is None:
        raise ConfigError("PREFECT_FLOWS_HEARTBEAT_FREQUENCY is off: set it to 30 seconds or more")
    beat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name=f"{OURS}run stuck",
        description="Mark a run as crashed when its heartbeat stops.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={beat},
            expect={beat, *(f"prefect.flow-run.{state}" for state in ENDED)},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=MISSED * frequency),
        ),
        actions=[
            ChangeFlowRunState(state=StateType.CRASHED, message="no heartbeat: its process is gone")
        ],
    )


def notifications(block: UUID | None) -> list[AutomationCore]:
    """One for each notice, through the webhook of ``block``; none without it."""
    return [_notification(notice, block) for notice in NOTICES] if block else []


def _notification(notice: Notice, block: UUID) -> AutomationCore:
    said = json.dumps(f"Lethe: {notice.text} (")
    payload = (
        f'{{"text": {{{{ ({said} ~ event.resource.name ~ ")") | tojson }}}}, '
        '"event": {{ event.event | tojson }}, "resource": {{ event.resource.id | tojson }}, '
        '"payload": {{ event.payload | tojson }}}'
    )
    return AutomationCore(
        name=f"{OURS}{notice.name}",
        description=f"Notify: {notice.text}.",
        trigger=EventTrigger(
            match={"prefect.resource.id": notice.resource, **notice.labels},
            for_each={"prefect.resource.id"},
            expect={notice.event},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=block, payload=payload)],
    )


def _block(url: str) -> UUID | None:
    """The id of the webhook block that posts to ``url``; none where there is none."""
    if not url:
        return None
    webhook = Webhook(url=url, headers={"content-type": "application/json"})
    saved = webhook.save(BLOCK, overwrite=True)
    assert isinstance(saved, UUID)  # outside an event loop
    return saved


def _prune_block(client: SyncPrefectClient) -> None:
    """Remove the webhook block where nobody is notified any more."""
    if Settings().notify_url:
        return
    try:
        found = client.read_block_document_by_name(BLOCK, "webhook")
    except ObjectNotFound:
        return  # there never was one
    client.delete_block_document(found.id)


def main() -> int:
    """Apply, and say what became of each; 2 where there is no server."""
    try:
        applied = apply()
    except LetheError as error:
        print(f"automations: {error}", file=sys.stderr)
        return 2
    for what, names in applied._asdict().items():
        for name in names:
            print(f"{what:8} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
