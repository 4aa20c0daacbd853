import json
import math

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as Published
from pydantic import ValidationError

from tasks.certificates.statement import DATA, MODEL, NOT_PROVEN, decoded, encoded
from tasks.core.errors import CertificateError


def test_it_is_what_the_published_schema_calls_a_statement(a_statement):
    parsed = json_format.Parse(encoded(a_statement()), statement_pb2.Statement())
    Published.copy_from_pb(parsed).validate()
    assert parsed.type == "https://in-toto.io/Statement/v1"
    assert {one.name: dict(one.digest) for one in parsed.subject} == {
        "model/model.safetensors": {"sha256": "ab" * 32},
        "data/forget.parquet": {"md5": "ef" * 16},
    }
    assert parsed.predicate["request"]["id"] == "r-0123456789ab"


def test_it_is_read_back_as_it_was_said(a_statement):
    said = a_statement()
    again = decoded(encoded(said), "here")
    assert encoded(again) == encoded(said)
    assert again.digests(MODEL, "sha256") == {"model.safetensors": "ab" * 32}
    assert again.digests(DATA, "md5") == {"forget.parquet": "ef" * 16}


def test_what_is_not_known_is_null_in_the_file_and_nan_here(a_statement):
    told = json.loads(encoded(a_statement()))["predicate"]
    assert told["cost"] == {"seconds": 4.0, "joules": None}
    assert told["judged"]["rules"][0]["high"] is None
    again = decoded(encoded(a_statement()), "here").predicate
    assert math.isnan(again.cost["joules"])
    figure = again.measured.headline["unlearned"]["forget/perplexity"]
    assert (figure.value, figure.low) == (18.5, 17.25)
    assert math.isnan(figure.high)


def test_what_is_not_proven_is_always_said(a_statement):
    told = json.loads(encoded(a_statement()))["predicate"]["not_proven"]
    assert told == list(NOT_PROVEN)
    assert "not proven equal" in told[0]


def test_an_amendment_names_what_it_follows_and_nothing_else_does(a_statement):
    assert a_statement(status="revoked", follows="ab" * 32).predicate.follows == "ab" * 32
    for status, follows in (("revoked", ""), ("erased", ""), ("issued", "ab" * 32)):
        with pytest.raises(ValidationError, match="names what it follows"):
            a_statement(status=status, follows=follows)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda told: told.update(predicateType="urn:lethe:certificate:v9"), "predicateType"),
        (lambda told: told.update(subject=[]), "subject"),
        (lambda told: told["predicate"].pop("revision"), "predicate.revision"),
        (lambda told: told["predicate"].update(more="secret words"), "predicate.more"),
    ],
)
def test_a_statement_of_another_kind_is_refused_without_quoting_it(a_statement, change, where):
    told = json.loads(encoded(a_statement()))
    change(told)
    with pytest.raises(CertificateError, match=rf"here says something else .*\({where}") as error:
        decoded(json.dumps(told).encode(), "here")
    assert "secret words" not in str(error.value)


def test_what_is_no_json_is_refused():
    with pytest.raises(CertificateError, match="here says something else"):
        decoded(b"once upon a time", "here")
