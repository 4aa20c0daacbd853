"""The key that signs certificates: Ed25519, in a file that its owner alone may read.

Whoever is to check a certificate is given the public key, which lies beside it.
"""

import hashlib
import hmac
import json
import os
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from tasks.core.errors import ConfigError
from tasks.core.record import storage

OTHERS = stat.S_IRWXG | stat.S_IRWXO
PURPOSE = b"lethe: digests of what a certificate must not tell"


def signer(path: Path) -> CryptoSigner:
    """The key in ``path``, made there if there is none, with its public key beside it.

    Raises:
        ConfigError: others may read it, or it is no Ed25519 key.
    """
    with storage(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _placed(path, CryptoSigner.generate_ed25519().private_bytes)
        key = CryptoSigner(_private(path))
        if not public_path(path).exists():
            _placed(public_path(path), _pem(key), mode=0o644)
    return key


def public(path: Path) -> SSlibKey:
    """The public key in the PEM file ``path``.

    Raises:
        ConfigError: there is none, or it is no Ed25519 key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(
            f"{path} is no Ed25519 public key in PEM: name the one that came with the certificate, "
            "or print yours with `lethe certificate key`"
        )
    return SSlibKey.from_crypto(key)


def public_path(path: Path) -> Path:
    """Where the public key of the private key in ``path`` lies."""
    return path.with_suffix(".pub.pem")


def keyed(key: CryptoSigner, told: Any) -> str:
    """HMAC-SHA256 of ``told`` as JSON, under a key derived from ``key``; hex.

    A plain digest of a name or an id can be found out by trying names; this one cannot without the
    key, and whoever has it can show that a request is the one that was certified.
    """
    secret = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(key.private_bytes)
    return hmac.new(secret, json.dumps(told, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _private(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & OTHERS:
            raise ConfigError(
                f"{path} has mode {mode:03o} and may be read by others: make it 600; if anybody "
                "did read it, move it away and a new one is made"
            )
        written = file.read()
    try:
        key = load_pem_private_key(written, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # what the library says of it is not repeated: it may quote the file
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            f"{path} is no unencrypted Ed25519 private key in PEM: set LETHE_SIGNING_KEY to one, "
            "or move it away and a new one is made"
        )
    return key


def _pem(key: CryptoSigner) -> bytes:
    public_key = load_pem_private_key(key.private_bytes, password=None).public_key()
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _placed(path: Path, content: bytes, mode: int = 0o600) -> None:
    """``content`` in ``path``, whole or not at all; one that another process placed first stays."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:  # of mode 600
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
