"""What a certificate says, held against the registry, the data and the stored evidence."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from tasks import registry, versions
from tasks.certificates import checks, envelope
from tasks.certificates.checks import Check
from tasks.certificates.statement import DATA, EVIDENCE, MODEL, Figure, Statement, decoded
from tasks.core.errors import CertificateError, LetheError, RegistryError
from tasks.core.event import SPLITS
from tasks.core.record import digests
from tasks.core.settings import Settings
from tasks.metrics.headline import headlines
from tasks.metrics.statistics import Sampling

MOST_BYTES = 64 * 2**20
"""Of a certificate, which names a model's files and holds no text."""


def verified(file: Path, key: SSlibKey) -> Iterator[Check]:
    """Each check of the certificate in ``file`` as it is made; one that ``key`` did not sign has
    no other.

    Raises:
        CertificateError: it cannot be read.
        RegistryError: the registry does not answer, or does not know the version.
    """
    sealed = opened(file)
    yield (signature := _signature(sealed, key))
    if not signature.holds:
        return
    said = decoded(sealed.payload, str(file))
    tags = registry.tags(said.predicate.version)
    with _scratch() as folder:
        yield _model(said, folder / "model")
        registry.fetch_artifacts(said.predicate.version, ["evidence"], folder)
        found = folder / "evidence"
        yield (evidence := _evidence(said, found))
        yield _metrics(said, found, evidence)
        yield _data(said, Path(tags["lethe.workspace"]), folder / "data")  # last: it takes seconds


def opened(file: Path) -> Envelope:
    """The envelope in ``file``, whoever signed it.

    Raises:
        CertificateError: it cannot be read, or is no certificate.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES)
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}; name a certificate.json") from None
    return envelope.read(content, str(file))


@contextmanager
def _scratch() -> Iterator[Path]:
    root = Settings().root
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=root, prefix=".verify-") as folder:
        yield Path(folder)


def _signature(sealed: Envelope, key: SSlibKey) -> Check:
    by, wanted = envelope.signed_by(sealed), key.keyid
    if by != wanted:
        message = f"made with key {by[:16]}, to be checked with {wanted[:16]}: name the other key"
        return Check("signature", False, message)
    if not envelope.holds(sealed, key):
        return Check("signature", False, f"not one of key {wanted[:16]} over what it says")
    return Check("signature", True, f"Ed25519, by key {wanted}")


def _model(said: Statement, into: Path) -> Check:
    version = said.predicate.version
    if said.predicate.status == "revoked":
        return Check("model", True, f"{version} is revoked: its files need not be there any more")
    into.mkdir()
    try:
        registry.fetch_files(version, into)
    except RegistryError as error:
        return Check("model", False, str(error))
    return checks.files("model", said.digests(MODEL, "sha256"), digests(into), version)


def _data(said: Statement, workspace: Path, into: Path) -> Check:
    if said.predicate.status == "erased":
        return Check("data", True, "erased since: nothing of it is there to be compared")
    what = f"data revision {said.predicate.revision[:12]}"
    try:
        folder = versions.fetch_splits(workspace, said.predicate.revision, into)
    except LetheError as error:
        return Check("data", False, f"{what}: {error}")
    found = {path.name: _md5(path) for path in folder.glob("*.parquet") if path.stem in SPLITS}
    return checks.files("data", said.digests(DATA, "md5"), found, what)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _evidence(said: Statement, folder: Path) -> Check:
    told = {one.name: one.digest["sha256"] for one in said.predicate.evidence}
    found = {f"{EVIDENCE}{name}": digest for name, digest in digests(folder).items()}
    return checks.files("evidence", told, found, "stored evidence")


def _metrics(said: Statement, folder: Path, evidence: Check) -> Check:
    if not evidence.holds:
        return Check("metrics", False, "not computed: the evidence is not what was certified")
    measured = said.predicate.measured
    again = headlines(
        folder,
        Sampling(**measured.scores.model_dump()),
        Sampling(**measured.attacks.model_dump()),
    )
    found = {
        role: {name: Figure(**figure._asdict()) for name, figure in figures.items()}
        for role, figures in again.items()
    }
    return checks.figures(measured.headline, found)
