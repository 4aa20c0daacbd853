"""The DSSE envelope of a certificate: what is signed, by whom, and nothing beside it.

Dead Simple Signing Envelope, https://github.com/secure-systems-lab/dsse. It is written in one way
only, and a file that is written in any other is refused: so not even a byte that says nothing can
be changed unseen.
"""

import json
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, SSlibKey

from tasks.core.errors import CertificateError
from tasks.core.variants import Section

PAYLOAD: Literal["application/vnd.in-toto+json"] = "application/vnd.in-toto+json"


class Signed(Section):
    """A signature, and the fingerprint of the key that made it."""

    keyid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    sig: str


class Written(Section):
    """An envelope as the file has it; payload and signature in base64."""

    payload: str
    payloadType: Literal["application/vnd.in-toto+json"]  # the standard's name
    signatures: Annotated[tuple[Signed, ...], Field(min_length=1, max_length=1)]


def signed(payload: bytes, key: CryptoSigner) -> bytes:
    """The file that holds ``payload`` signed by ``key``."""
    envelope = Envelope(payload, PAYLOAD, {})
    envelope.sign(key)
    return written(envelope)


def written(envelope: Envelope) -> bytes:
    """The one way an envelope is written: JSON on one line, keys in order."""
    return json.dumps(envelope.to_dict(), sort_keys=True).encode() + b"\n"


def read(file: bytes, where: str) -> Envelope:
    """What ``signed`` wrote, signed by whomever.

    Raises:
        CertificateError: it is no envelope, or not a byte for byte as it was written.
    """
    try:
        told = Written.model_validate_json(file)
        envelope = Envelope.from_dict(told.model_dump())
    except (ValidationError, ValueError):  # what was read is not quoted: it may be anything
        raise CertificateError(
            f"{where} is no certificate (a DSSE envelope of an in-toto statement), or was changed: "
            "take it from where it was issued"
        ) from None
    if written(envelope) != file:
        raise CertificateError(
            f"{where} is not as it was written: take it from where it was issued"
        )
    return envelope


def signed_by(envelope: Envelope) -> str:
    """The fingerprint of the key that it says it was signed with; hex."""
    return next(iter(envelope.signatures))


def holds(envelope: Envelope, key: SSlibKey) -> bool:
    """Whether ``key`` signed what is in it."""
    try:
        envelope.verify([key], threshold=1)
    except UnverifiedSignatureError:
        return False
    return True
