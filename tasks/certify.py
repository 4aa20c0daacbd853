"""Step: a certificate of what was done about a request, from the registry alone."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from prefect import task
from securesystemslib.signer import CryptoSigner

from tasks import registry
from tasks.certificates import envelope, keys
from tasks.certificates.statement import (
    DATA,
    EVIDENCE,
    MODEL,
    Anchor,
    Approval,
    Asked,
    Documents,
    Drawn,
    Figure,
    Found,
    Judged,
    Measured,
    Predicate,
    Statement,
    decoded,
    encoded,
    subjects,
)
from tasks.core.errors import CertificateError, ConfigError, RegistryError
from tasks.core.event import SPLITS, Role
from tasks.core.record import Identity, Record, digests, keep, sha256
from tasks.core.settings import Settings
from tasks.core.variants import Section
from tasks.metrics import headline, scores
from tasks.metrics.statistics import Sampling
from tasks.pages import certificate
from tasks.requests.chain import Head
from tasks.requests.deletion import Deletion
from tasks.requests.plan import Portion, escaped

FILE, PAGE = "certificate.json", "certificate.html"
ROOMS = ("certify", "certificates", "pages/certificate", "pages/certified")
NEEDED = ("config.json", "verdict.json", registry.REQUESTS, "evidence")
SAME = 1e-9  # relative: MLflow keeps figures as they are, only databases may round the last digit


class Occasion(Section):
    """What makes a certificate another one; that the log goes on does not."""

    request: str
    version: str
    approvals: tuple[Approval, ...]
    key: str
    follows: str = ""
    remains: tuple[str, ...] = ()


class Registered(NamedTuple):
    """What the registry has of a version."""

    told: Mapping[str, Any]
    """As `registry.show` tells it."""

    software: Mapping[str, str]
    files: Mapping[str, str]
    """SHA-256 of the files of the model, by their paths."""

    folder: Path
    """The artifacts of its run that a certificate is made from."""

    def tag(self, name: str) -> str:
        """What the version says of itself."""
        return str(self.told["tags"][f"lethe.{name}"])

    def read(self, name: str) -> Any:
        """A JSON artifact, with NaN for null."""
        return scores.read(self.folder / name)


@task
def certified(deletion: Deletion, version: str, head: Head) -> Record:
    """certificate.json, signed, and certificate.html; both are put with the event in MLflow too.

    Raises:
        ConfigError: the version does not answer the request, or the signing key is unfit.
        RegistryError: the registry lacks what a certificate is made from, or has other figures.
    """
    key = keys.signer(Settings().signing_path)
    tags = registry.tags(version)
    _refuse_unanswered(deletion, tags)
    occasion = Occasion(
        request=deletion.id,
        version=tags["lethe.version"],
        approvals=_approvals(deletion),
        key=key.public_key.keyid,
    )

    def make(scratch: Path) -> Statement:
        with TemporaryDirectory(dir=scratch) as folder:
            found = _registered(occasion.version, Path(folder))
            return _statement(deletion, found, head, key)

    return _kept(occasion, make, key)


@task
def amended(
    before: Path,
    deletion: Deletion,
    head: Head,
    status: Literal["revoked", "erased"],
    remains: Sequence[str] = (),
) -> Record:
    """The certificate that follows the one in the file ``before`` and names it.

    It says the same but for the status, the approvals since, the log, and what ``remains``.

    Raises:
        CertificateError: the one before cannot be read, or is of another key or request.
    """
    key = keys.signer(Settings().signing_path)
    sealed = envelope.read(before.read_bytes(), str(before))
    if not envelope.holds(sealed, key.public_key):
        raise CertificateError(
            f"{before} was signed by another key: set LETHE_SIGNING_KEY to the one that issued it"
        )
    said = decoded(sealed.payload, str(before))
    if said.predicate.request.id != deletion.id:
        raise CertificateError(
            f"{before} is of request {said.predicate.request.id}: amend the one of {deletion.id}"
        )
    occasion = Occasion(
        request=deletion.id,
        version=said.predicate.version,
        approvals=_approvals(deletion),
        key=key.public_key.keyid,
        follows=sha256(before),
        remains=tuple(map(escaped, remains)),
    )
    changed = {
        "status": status,
        "issued": datetime.now(UTC),
        "approvals": occasion.approvals,
        "log": Anchor(**head._asdict()),
        "remains": occasion.remains,
        "follows": occasion.follows,
    }
    predicate = Predicate(**{**dict(said.predicate), **changed})
    return _kept(occasion, lambda _: said.model_copy(update={"predicate": predicate}), key)


def _kept(occasion: Occasion, make: Callable[[Path], Statement], key: CryptoSigner) -> Record:
    identity = Identity(kind="certificate", config=occasion, rooms=ROOMS)

    def write(scratch: Path) -> None:
        statement = make(scratch)
        (scratch / FILE).write_bytes(envelope.signed(encoded(statement), key))
        page = certificate.html(
            statement.model_dump(mode="json"), key.public_key.keyid, sha256(scratch / FILE)
        )
        (scratch / PAGE).write_text(page, encoding="utf-8")

    record = keep(identity, write)
    at = f"certificates/{occasion.request}/{record.fingerprint}"
    registry.attach(occasion.version, record.path, at)
    return record


def _refuse_unanswered(deletion: Deletion, tags: Mapping[str, str]) -> None:
    name, _, _ = tags["lethe.version"].partition("/")
    if not any(one.model == name and one.event == tags["lethe.event"] for one in deletion.events):
        raise ConfigError(
            f"{tags['lethe.version']} does not answer request {deletion.id}: certify one that does"
        )


def _registered(version: str, folder: Path) -> Registered:
    (model := folder / "model").mkdir()
    registry.fetch_model(version, model)
    files = digests(model)
    registry.fetch_artifacts(version, NEEDED, folder)
    if missing := [name for name in NEEDED if not (folder / name).exists()]:
        raise RegistryError(
            f"the run of {version} lacks {', '.join(missing)}: restore it, or run the event again"
        )
    return Registered(registry.show(version), registry.requirements(version), files, folder)


def _statement(deletion: Deletion, found: Registered, head: Head, key: CryptoSigner) -> Statement:
    splits = {f"{split}.parquet": found.tag(f"md5.{split}") for split in SPLITS}
    return Statement(
        subject=(*subjects(MODEL, "sha256", found.files), *subjects(DATA, "md5", splits)),
        predicate=_predicate(deletion, found, head, key),
    )


def _predicate(deletion: Deletion, found: Registered, head: Head, key: CryptoSigner) -> Predicate:
    verdict = found.read("verdict.json")
    roles: Iterable[Role] = found.told["metrics"].keys() - {"event"}
    evidence = digests(found.folder / "evidence")
    return Predicate(
        status="issued",
        issued=datetime.now(UTC),
        request=_asked(deletion, key),
        found=_found(deletion, found, key),
        revision=found.tag("revision"),
        version=found.told["version"],
        event=found.tag("event"),
        models={role: found.tag(role) for role in sorted(roles)},
        weights=found.tag("weights"),
        method=found.tag("method"),
        knobs=json.loads(found.tag("knobs")),
        judged=Judged.model_validate(
            {
                "passed": verdict["pass"],
                "comparator": verdict["comparator"],
                "rules": verdict["reasons"],
            }
        ),
        measured=_measured(found),
        evidence=tuple(subjects(EVIDENCE, "sha256", evidence)),
        approvals=_approvals(deletion),
        cost=verdict["cost"],
        software={"commit": found.tag("commit"), **found.software},
        log=Anchor(**head._asdict()),
    )


def _asked(deletion: Deletion, key: CryptoSigner) -> Asked:
    told = deletion.request.model_dump(mode="json")
    counts = {name: 1 if isinstance(value, str) else len(value) for name, value in told.items()}
    return Asked(
        id=deletion.id,
        ground=deletion.ground,
        received=deletion.received,
        due=deletion.due,
        selectors={name: counts[name] for name, value in told.items() if value},
        digest=keys.keyed(key, told),
    )


def _found(deletion: Deletion, found: Registered, key: CryptoSigner) -> Found:
    portions = map(Portion.model_validate, found.read(registry.REQUESTS)["requests"])
    for portion in portions:
        if portion.id == deletion.id:
            return Found(
                matched=_documents(portion.matched, key),
                added=_documents(portion.added, key),
                left=_documents(portion.left, key),
                tokens=portion.tokens,
            )
    raise RegistryError(
        f"{found.told['version']}: its run does not say what request {deletion.id} takes; the "
        "ledger and the registry are not of the same event"
    )


def _documents(doc_ids: Sequence[str], key: CryptoSigner) -> Documents:
    return Documents(documents=len(doc_ids), digest=keys.keyed(key, sorted(doc_ids)))


def _approvals(deletion: Deletion) -> tuple[Approval, ...]:
    return tuple(Approval(status=move.status, at=move.at, by=move.by) for move in deletion.moves)


def _measured(found: Registered) -> Measured:
    config = found.read("config.json")
    drawn = {part: _drawn(config, part) for part in ("evaluate", "attack")}
    sampling = {part: Sampling(**one.model_dump()) for part, one in drawn.items()}
    computed = headline.headlines(
        found.folder / "evidence", sampling["evaluate"], sampling["attack"]
    )
    logged = {role: headline.bounded(found.told["metrics"][role]) for role in computed}
    for role, figures in computed.items():
        for name, figure in figures.items():
            _refuse_other(f"{role} {name}", figure, logged[role].get(name))
    further = {
        role: {name: one for name, one in figures.items() if name not in computed[role]}
        for role, figures in logged.items()
    }
    return Measured(
        headline=_told(computed),
        further=_told(further),
        scores=drawn["evaluate"],
        attacks=drawn["attack"],
    )


def _told(by_role: Mapping[Role, Mapping[str, headline.Figure]]) -> dict[Role, dict[str, Figure]]:
    return {
        role: {name: Figure(**figure._asdict()) for name, figure in figures.items()}
        for role, figures in by_role.items()
    }


def _drawn(config: Mapping[str, Any], part: str) -> Drawn:
    return Drawn(**{name: config[part][name] for name in Drawn.model_fields})


def _refuse_other(name: str, computed: headline.Figure, logged: headline.Figure | None) -> None:
    """A figure that was logged is the one that the evidence gives."""
    if logged is None:  # an attack that the event did not try
        return
    pairs = zip(computed, logged, strict=True)
    if not all(
        math.isclose(a, b, rel_tol=SAME) or (math.isnan(a) and math.isnan(b)) for a, b in pairs
    ):
        raise RegistryError(
            f"{name}: the registry says {logged.value:.6g}, its evidence gives "
            f"{computed.value:.6g}; nothing is certified until it is known which was changed"
        )
