"""The five parts of the data, and the bundle of records that one unlearning event leaves."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from tasks.core.history import History
from tasks.core.record import Record

Split = Literal["forget", "retain", "general", "approximate", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
SEEN: tuple[Split, ...] = ("forget", "retain", "general")
"""What the target was trained on; the retrained model saw the same without ``forget``."""

Role = Literal["target", "unlearned", "retrained"]


class Event(BaseModel):
    """Everything one unlearning event made, by role; ``retrained`` is absent for hub models."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    champion: str = ""
    """The registered version that the target is; empty for a model from elsewhere."""
    requests: tuple[dict[str, Any], ...] = ()
    """What each deletion request that it answers takes, see ``tasks/requests/plan.py``."""
    exact: bool = False
    """Whether the model was made again without the forget set, and not unlearned."""
    history: History = History()
    """Of the target."""
    config: dict[str, Any]
    data: Record
    validation: Record
    models: dict[Role, Record]
    evidence: dict[Role, Record]
    attacks: dict[Role, Record]
    verdict: Record
    kept: Record
    """What is kept of the forgotten text once it is erased, see ``tasks/metrics/kept.py``."""
