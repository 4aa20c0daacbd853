import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from tasks.certificates.envelope import holds, read, signed, signed_by
from tasks.core.errors import CertificateError

KEY = CryptoSigner.generate_ed25519()
PAYLOAD = b'{"_type": "https://in-toto.io/Statement/v1", "said": "' + bytes(range(32, 127)) + b'"}'
FILE = signed(PAYLOAD, KEY)


def refused(file):
    try:
        return not holds(read(file, "here"), KEY.public_key)
    except CertificateError:
        return True


def test_what_was_signed_is_read_back_and_holds():
    envelope = read(FILE, "here")
    assert envelope.payload == PAYLOAD
    assert holds(envelope, KEY.public_key)
    assert signed_by(envelope) == KEY.public_key.keyid


def test_it_is_an_envelope_that_others_read_too():
    # what is signed, by the specification: DSSEv1 SP LEN(type) SP type SP LEN(body) SP body
    told = json.loads(FILE)
    kind = told["payloadType"].encode()
    encoded = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(PAYLOAD), PAYLOAD)
    (signature,) = told["signatures"]
    key = KEY.public_key._crypto_key()
    key.verify(base64.b64decode(signature["sig"]), encoded)
    assert kind == b"application/vnd.in-toto+json"


@settings(max_examples=300)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_refused(at, change):
    file = bytearray(FILE)
    file[at] ^= change
    assert refused(bytes(file))


def test_no_byte_can_be_changed_by_one_or_left_out():
    for at, byte in enumerate(FILE):
        assert refused(FILE[:at] + bytes([byte ^ 1]) + FILE[at + 1 :]), at
        assert refused(FILE[:at] + FILE[at + 1 :]), at


@settings(max_examples=100)
@given(st.integers(0, len(FILE)), st.binary(min_size=1, max_size=4))
def test_nothing_can_be_put_in(at, more):
    assert refused(FILE[:at] + more + FILE[at:])


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_no_envelope_is_said_to_be_none(file):
    with pytest.raises(CertificateError, match="here is no certificate"):
        read(file, "here")


def test_json_of_any_depth_and_type_is_said_to_be_none():
    for file in (b"[" * 100_000, b"null", b"[]", b'{"payload": 1}', b'{"payload": "\xff"}'):
        with pytest.raises(CertificateError, match="no certificate"):
            read(file, "here")


def test_the_same_written_otherwise_is_refused():
    loose = json.dumps(json.loads(FILE), indent=1).encode()
    with pytest.raises(CertificateError, match="not as it was written"):
        read(loose, "here")


def test_more_than_was_signed_is_refused():
    told = json.loads(FILE)
    told["signatures"][0]["note"] = "and it is good"
    with pytest.raises(CertificateError, match="no certificate"):
        read(json.dumps(told, sort_keys=True).encode() + b"\n", "here")


def test_another_key_did_not_sign_it():
    assert not holds(read(FILE, "here"), CryptoSigner.generate_ed25519().public_key)


def test_another_key_under_the_same_name_did_not_sign_it_either():
    other = CryptoSigner.generate_ed25519().public_key
    other.keyid = KEY.public_key.keyid
    assert not holds(read(FILE, "here"), other)
