import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from tasks.certificates.keys import keyed, public, public_path, signer
from tasks.core.errors import ConfigError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "certificate.pem"


def write(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)


def test_a_key_is_made_once_and_only_its_owner_may_read_it(path):
    first = signer(path)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert signer(path).public_key == first.public_key
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "certificate.pem",
        "certificate.pub.pem",
    ]


def test_the_public_key_lies_beside_it_for_everybody(path):
    key = signer(path)
    assert public(public_path(path)) == key.public_key
    assert mode(public_path(path)) == 0o644
    assert "PRIVATE" not in public_path(path).read_text()


def test_those_who_come_first_at_once_get_the_same_key(path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: signer(path).public_key.keyid, range(8)))
    assert len(set(keys)) == 1
    assert public(public_path(path)).keyid == keys[0]


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o620, 0o602, 0o777])
def test_a_key_that_others_may_touch_is_refused(path, loose):
    signer(path)
    path.chmod(loose)
    with pytest.raises(ConfigError, match=f"has mode {loose:o} .*make it 600"):
        signer(path)


def test_a_file_that_its_owner_may_only_read_is_fine(path):
    key = signer(path)
    path.chmod(0o400)
    assert signer(path).public_key == key.public_key


def encrypted():
    key = load_pem_private_key(CryptoSigner.generate_ed25519().private_bytes, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    "content",
    [
        lambda: CryptoSigner.generate_rsa(size=2048).private_bytes,
        lambda: CryptoSigner.generate_ecdsa().private_bytes,
        encrypted,
        lambda: CryptoSigner.generate_ed25519().private_bytes[:-40],
        lambda: b"once upon a time",
        lambda: b"",
    ],
    ids=["rsa", "ecdsa", "encrypted", "cut", "words", "empty"],
)
def test_what_is_no_ed25519_key_is_refused_and_never_quoted(path, content):
    write(path, content())
    with pytest.raises(ConfigError, match="no unencrypted Ed25519 private key") as error:
        signer(path)
    assert error.value.__cause__ is None
    for line in content().decode().splitlines()[1:-1]:
        assert line not in str(error.value)


def test_a_private_key_is_no_public_one(path):
    signer(path)
    with pytest.raises(ConfigError, match="no Ed25519 public key") as error:
        public(path)
    assert path.read_text().splitlines()[1] not in str(error.value)


def test_a_public_key_that_is_not_there_is_asked_for(path):
    with pytest.raises(ConfigError, match="lethe certificate key"):
        public(public_path(path))


def test_a_keyed_digest_takes_the_key(path, tmp_path):
    mine, other = signer(path), signer(tmp_path / "other.pem")
    assert keyed(mine, {"authors": ["A"]}) == keyed(signer(path), {"authors": ["A"]})
    assert keyed(mine, {"authors": ["A"]}) != keyed(mine, {"authors": ["B"]})
    assert keyed(mine, {"authors": ["A"]}) != keyed(other, {"authors": ["A"]})
    assert len(keyed(mine, "")) == 64
