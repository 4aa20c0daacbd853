"""A deletion request on its way: who asked, on what ground, until when, and where it stands.

What it selects and who asked are personal data: they are held here and in the ledger alone, and
the ledger forgets them. Nothing in this file reads a clock.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from tasks.core.errors import ConfigError
from tasks.core.variants import Section
from tasks.requests.plan import escaped
from tasks.requests.request import LISTS, Request

S = TypeVar("S", bound=BaseModel)

Status = Literal[
    "received",
    "planned",
    "approved",
    "rejected",
    "running",
    "verified",
    "promoted",
    "certified",
    "erased",
]
Ground = Literal[
    "consent_withdrawn",
    "objection",
    "no_longer_needed",
    "unlawful",
    "copyright",
    "legal_obligation",
]

MOST_CHARACTERS = 50_000_000
"""Of all that one request selects."""

MOVES: Mapping[Status, tuple[Status, ...]] = {
    "received": ("planned", "rejected"),
    "planned": ("planned", "approved", "rejected"),
    "approved": ("planned", "running", "rejected"),
    # Back to approved: the run died, the next takes it up. Back to planned: no escalation is left,
    # and what is tried next needs a new approval.
    "running": ("verified", "approved", "planned"),
    "verified": ("promoted", "planned", "rejected"),
    # Back to verified: rolled back.
    "promoted": ("certified", "verified"),
    "certified": ("erased", "verified"),
    "rejected": (),
    "erased": (),
}
CLOSED = ("rejected", "certified", "erased")
"""Whoever asked has an answer: no deadline runs any more."""

FORGOTTEN = "erased"
"""Who asked, once that is forgotten."""

DUE = timedelta(days=30)
ID = re.compile(r"r-[0-9a-f]{12}")
OWN = re.compile(r"(?:lethe|erased)(?:-[a-z]+)*")
REFERENCE = re.compile(r"(?=.*[0-9])[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")


def _reference(text: str) -> str:
    if not (OWN.fullmatch(text) or REFERENCE.fullmatch(text)):
        raise ValueError(
            "must be a reference with a number in it, such as subject-0042 or officer-7, of "
            "letters, digits and . _ : / - : no name and no e-mail address, for it is kept"
        )
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds control, invisible or right-to-left characters, or several lines")
    return text


def _utc(at: datetime) -> datetime:
    if not 1970 <= at.year <= 3000:
        raise ValueError("must lie between the years 1970 and 3000")
    return at.astimezone(UTC)


Reference = Annotated[str, AfterValidator(_reference)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
ModelName = Annotated[str, StringConstraints(pattern=r"^lethe-[a-z0-9][a-z0-9-]{0,40}$")]
Note = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_printable)]


class Move(Section):
    """One step of a request: where to, when, by whom and why."""

    model_config = ConfigDict(hide_input_in_errors=True)
    status: Status
    at: Moment
    by: Reference
    note: Note = Field(default="", description="why; nothing of what is to be forgotten")


class Answer(Section):
    """What answered a request for one model."""

    model: ModelName
    event: str = Field(description="fingerprint of the unlearning event")
    version: str = Field(description="registered version that came of it")


class Draft(Section):
    """What somebody asks, before it is in the ledger."""

    # Names and passages of who asks to be forgotten: no error may quote them.
    model_config = ConfigDict(hide_input_in_errors=True)
    asked_by: Reference = Field(repr=False, description="who asked, by a reference that is no name")
    ground: Ground = Field(description="the legal ground")
    received: Moment = Field(description="when it was received")
    due: Moment = Field(
        default_factory=lambda known: known["received"] + DUE,
        description="when it must be done; 30 days after it was received unless given",
    )
    request: Request = Field(repr=False, description="what is to be forgotten")
    models: Annotated[tuple[ModelName, ...], Field(min_length=1, max_length=100)] = Field(
        default=("lethe-demo",), description="registered models that are to forget it"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.due < self.received:
            raise ValueError("due is before received: swap them, or leave due out")
        if len(set(self.models)) < len(self.models):
            raise ValueError("models: one is named twice; leave one of them out")
        return self


class Deletion(Draft):
    """A request in the ledger."""

    id: Annotated[str, StringConstraints(pattern=f"^{ID.pattern}$")]
    status: Status
    moves: tuple[Move, ...]
    events: tuple[Answer, ...] = ()
    run: str = Field(default="", description="the flow run that works on it; empty: none")

    @property
    def open(self) -> bool:
        """Whether whoever asked still waits for an answer."""
        return self.status not in CLOSED

    def overdue(self, now: datetime) -> bool:
        """Whether it is open past its due date."""
        return self.open and now > self.due

    def days_left(self, now: datetime) -> int:
        """Whole days until it is due, rounded down; below 0: days late, begun or whole."""
        return (self.due - now) // timedelta(days=1)

    def allows(self, to: Status) -> bool:
        """Whether it may move there from where it is."""
        return to in MOVES[self.status]

    def redacted(self) -> Self:
        """The same with each passage replaced by its digest: fit to be shown."""
        return self.model_copy(update={"request": self.request.redacted()})


def valid(section: type[S], values: Mapping[str, Any]) -> S:
    """``values`` as a ``section``.

    Raises:
        ConfigError: one breaks its rule; the line names the field and the rule, and no value.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [one for one in told if one["type"] != "default_factory_not_called"]
        fault, more = faults[0], f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        key = escaped(".".join(map(str, fault["loc"])))[:80]
        said = fault["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{f'{key}: ' if key else ''}{said}{more}; change it") from None


def identified(draft: Draft, salt: bytes) -> str:
    """The id of a request: the same ask has the same one, however its lists are ordered.

    Without the ``salt`` of the ledger nobody can try names until one gives the id.
    """
    request = {name: _ordered(value) for name, value in draft.request.model_dump().items()}
    asked = [draft.asked_by, draft.ground, request, sorted(draft.models)]
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return f"r-{hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()[:12]}"


def refuse(draft: Draft, now: datetime) -> None:
    """Refuse what cannot be met.

    Raises:
        ConfigError: it names nothing, is from the future, or was due before ``now``.
    """
    if draft.request == Request():
        raise ConfigError(
            f"request: it names nothing to forget; give one of {', '.join(Request.model_fields)}"
        )
    if (
        sum(len(entry) for name in LISTS for entry in getattr(draft.request, name))
        > MOST_CHARACTERS
    ):
        raise ConfigError(f"request: more than {MOST_CHARACTERS:,} characters; split it")
    if draft.received > now:
        raise ConfigError(
            f"received={draft.received:%Y-%m-%dT%H:%MZ}: lies in the future; give the day on which "
            "it arrived, or leave it out"
        )
    if draft.due < now:
        raise ConfigError(
            f"due={draft.due:%Y-%m-%dT%H:%MZ}: is past, so it cannot be met; agree on a later day "
            "with whoever asked and give that as due"
        )


def moment(text: str, *, last: bool = False) -> datetime:
    """A day such as 2026-11-30, or a time with its offset, as people write it.

    A day without a time is of UTC: its first second, or its ``last``.

    Raises:
        ConfigError: it is neither, or its time has no offset.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            _refuse_unclear(text)
            at = at.replace(tzinfo=UTC) + (timedelta(days=1, seconds=-1) if last else timedelta())
        return _utc(at)
    except ValueError:
        raise ConfigError(
            f"{text[:40]!a} is no day such as 2026-11-30, nor a time with its offset, such as "
            "2026-11-30T17:00+01:00"
        ) from None


def _refuse_unclear(text: str) -> None:
    if len(text) > len("2026-11-30"):
        raise ValueError("a time of day, and nobody knows where")


def _ordered(value: Any) -> Any:
    return sorted(set(value)) if isinstance(value, tuple) else value
