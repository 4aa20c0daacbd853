"""Step: revoked model versions whose grace has passed are deleted."""

import logging
from datetime import datetime

from prefect import task
from pydantic import BaseModel, ConfigDict

from tasks import ledger, revoke
from tasks.purge import fetched
from tasks.revoke import Kept

log = logging.getLogger(__name__)


class Swept(BaseModel):
    """What became of the revoked versions."""

    model_config = ConfigDict(frozen=True)
    deleted: tuple[str, ...]
    waiting: dict[str, str]
    """Those that are there still, and the day on which they go."""
    in_use: tuple[str, ...]
    """Those that are due and champions: somebody rolled back to them."""


@task
def sweep(now: datetime, by: str) -> Swept:
    """Delete what is due; done again, it deletes nothing more."""
    kept = revoke.revoked()
    due = [one for one in kept if one.due <= now]
    used = [one.version for one in due if _champion(one)]
    gone = [one.version for one in due if one.version not in used]
    for version in gone:
        revoke.delete(version, now)
        ledger.log("model.deleted", version, by, {})
        log.info("deleted the files of %s", version)
    fetched(gone)
    return Swept(
        deleted=tuple(gone),
        waiting={one.version: f"{one.due:%Y-%m-%d}" for one in kept if one.due > now},
        in_use=tuple(used),
    )


def _champion(one: Kept) -> bool:
    name, _, _ = one.version.partition("/")
    return ledger.champion(name) == one.version
