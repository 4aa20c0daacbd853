"""What a certificate says, as an in-toto statement about a deletion.

In-toto Statement v1, https://github.com/in-toto/attestation, `spec/v1/statement.md`. Its subjects
are the files of the model and of the data. It never says what was to be forgotten: selectors and
ids are counted, and bound by a digest that only the holder of the signing key can make.
"""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from tasks.core.errors import CertificateError
from tasks.core.event import Role
from tasks.core.variants import Section

PREDICATE: Literal["urn:lethe:certificate:v1"] = "urn:lethe:certificate:v1"
MODEL, DATA, EVIDENCE = "model/", "data/", "evidence/"
"""How the names of files begin."""

NOT_PROVEN = (
    "That the model is the one that training without the text would have given: it is compared "
    "with such a model, or with text that none saw, by the measures named, and not proven equal.",
    "That no prompt, attack or further training brings any of the text back: those that were tried "
    "are named with what they found.",
    "That the text is nowhere else: other models, copies of the corpus that are not under version "
    "control here, and texts that say the same in other words were not looked at.",
    "That what was forgotten is all that concerns whoever asked: it is what the request named and "
    "near-copies of it.",
)
"""What no certificate of this kind shows, whatever its figures."""


def _number(told: Any) -> Any:
    return math.nan if told is None else told


def _null(value: float) -> float | None:
    return value if math.isfinite(value) else None


Number = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(_number),
    PlainSerializer(_null, return_type=float | None),
]
"""NaN where it is not known, which JSON has as null."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Subject(Section):
    """A file and its digest: SHA-256 of a model's, the MD5 by which DVC names it of a split's."""

    name: str
    digest: dict[str, str]


class Asked(Section):
    """The request, without what it names."""

    id: str
    ground: str
    received: AwareDatetime
    due: AwareDatetime
    selectors: dict[str, int] = Field(description="entries by kind of selector")
    digest: Sha256 = Field(description="keyed, of the selectors")


class Documents(Section):
    """Some documents, without saying which."""

    documents: int
    digest: Sha256 = Field(description="keyed, of their ids in order")


class Found(Section):
    """What the event took for the request."""

    matched: Documents
    added: Documents = Field(description="near-copies of those matched, which had to go too")
    left: Documents = Field(description="considered and left")
    tokens: int = Field(description="of those matched and added")


class Figure(Section):
    """A measurement and its interval."""

    value: Number
    low: Number
    high: Number


class Rule(Section):
    """A rule of the gate, and the numbers it was judged by; null where a side is open."""

    rule: str
    passed: bool
    message: str
    value: Number
    low: Number
    high: Number


class Judged(Section):
    """The verdict of the gate, and what the model was held against."""

    passed: bool
    comparator: Literal["retrained", "approximate"]
    rules: tuple[Rule, ...]


class Drawn(Section):
    """How the intervals were drawn, so that they can be drawn again."""

    resamples: int
    confidence: float
    seed: int


class Measured(Section):
    """Figures by role; the headline ones can be computed again from the evidence."""

    headline: dict[Role, dict[str, Figure]]
    further: dict[Role, dict[str, Figure]]
    scores: Drawn
    attacks: Drawn


class Approval(Section):
    """A step of the request: where to, when and by whom; what was noted with it is not told."""

    status: str
    at: AwareDatetime
    by: str


class Anchor(Section):
    """The last entry of the event log when this was issued: to cut it off before is found."""

    number: int
    digest: str


class Predicate(Section):
    """What happened to a request, and how far it is shown."""

    # no error may quote a certificate that nobody vouches for
    model_config = ConfigDict(protected_namespaces=(), hide_input_in_errors=True)
    status: Literal["issued", "revoked", "erased"]
    issued: AwareDatetime
    request: Asked
    found: Found
    revision: str = Field(description="of the data, in its DVC workspace")
    version: str = Field(description="of the model, as registered")
    event: str = Field(description="fingerprint of the unlearning event")
    models: dict[Role, str] = Field(description="fingerprints")
    weights: Sha256 = Field(description="over all tensors of the unlearned model")
    method: str
    knobs: dict[str, Any]
    judged: Judged
    measured: Measured
    evidence: tuple[Subject, ...] = Field(description="files that the figures come from")
    approvals: tuple[Approval, ...]
    cost: dict[str, Number]
    software: dict[str, str]
    log: Anchor
    not_proven: tuple[str, ...] = NOT_PROVEN
    remains: tuple[str, ...] = Field(default=(), description="what erasure could not remove")
    follows: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = Field(
        default="", description="SHA-256 of the certificate that this one amends; empty: none"
    )

    @model_validator(mode="after")
    def _amends(self) -> Self:
        if (self.status == "issued") != (not self.follows):
            raise ValueError("an amendment names what it follows, and nothing else does")
        return self


class Statement(Section):
    """An in-toto statement, whose names these are."""

    model_config = ConfigDict(
        validate_by_name=True, serialize_by_alias=True, hide_input_in_errors=True
    )
    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        default="https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: Annotated[tuple[Subject, ...], Field(min_length=1)]
    predicate_type: Literal["urn:lethe:certificate:v1"] = Field(
        default=PREDICATE, alias="predicateType"
    )
    predicate: Predicate

    def digests(self, kind: str, algorithm: str) -> dict[str, str]:
        """The digests of the subjects whose names begin with ``kind``, by the rest of the name."""
        return {
            one.name.removeprefix(kind): one.digest[algorithm]
            for one in self.subject
            if one.name.startswith(kind)
        }


def subjects(kind: str, algorithm: str, digests: Mapping[str, str]) -> list[Subject]:
    """A subject for each file, in order."""
    return [
        Subject(name=f"{kind}{name}", digest={algorithm: digest})
        for name, digest in sorted(digests.items())
    ]


def encoded(statement: Statement) -> bytes:
    """The bytes that are signed."""
    told = statement.model_dump(mode="json")
    return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decoded(payload: bytes, where: str) -> Statement:
    """What ``encoded`` encoded.

    Raises:
        CertificateError: it is a statement of another kind, or of another version of Lethe.
    """
    try:
        return Statement.model_validate_json(payload)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        at = ".".join(map(str, fault["loc"]))
        raise CertificateError(
            f"{where} says something else than a certificate of this version of Lethe ({at}: "
            f"{fault['msg']}): check it with the version that issued it"
        ) from None
