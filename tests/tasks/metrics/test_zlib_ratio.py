import math

import pytest

from tasks.metrics.zlib_ratio import Zlib


def test_it_is_minus_nats_per_token_over_the_compressed_size(evidence_of):
    # mean of 2 and 4 nats is 3; 3 / 60 bytes = 0.05
    evidence = evidence_of(logp=[[-2.0, -4.0]], zlib_bytes=[60])
    assert Zlib().per_document(evidence) == pytest.approx(-0.05)


def test_of_two_texts_as_likely_the_less_repetitive_looks_more_like_a_member(evidence_of):
    repetitive, varied = Zlib().per_document(
        evidence_of(logp=[[-2.0], [-2.0]], zlib_bytes=[20, 200])
    )
    assert varied > repetitive


def test_without_tokens_it_is_nan(evidence_of):
    assert math.isnan(Zlib().per_document(evidence_of(logp=[[]]))[0])
