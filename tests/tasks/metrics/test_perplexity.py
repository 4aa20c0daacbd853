import math

import numpy as np
import pytest

from tasks.metrics.perplexity import Perplexity


def test_a_document_that_is_guessed_from_eight_has_perplexity_eight(evidence_of):
    assert Perplexity().per_document(evidence_of(logp=[[math.log(1 / 8)] * 3])) == pytest.approx(8)


def test_a_document_known_by_heart_has_perplexity_one(evidence_of):
    assert Perplexity().per_document(evidence_of(logp=[[0.0, 0.0]])) == pytest.approx(1)


def test_over_a_split_every_token_weighs_the_same(evidence_of):
    # 3 tokens of 1 nat and 1 token of 5: (3 + 5) / 4 = 2 nats; a mean of means would say 3.
    evidence = evidence_of(logp=[[-1.0, -1.0, -1.0], [-5.0]])
    assert Perplexity().value(evidence) == pytest.approx(math.exp(2))


def test_more_nats_mean_more_perplexity(evidence_of):
    worse, better = Perplexity().per_document(evidence_of(logp=[[-3.0], [-2.0]]))
    assert worse > better


def test_a_destroyed_model_is_infinitely_perplexed_without_a_warning(evidence_of):
    assert Perplexity().value(evidence_of(logp=[[-1000.0]])) == math.inf


def test_a_document_without_tokens_is_nan_and_leaves_the_split_alone(evidence_of):
    evidence = evidence_of(logp=[[], [-2.0], []])
    assert np.isnan(Perplexity().per_document(evidence)).tolist() == [True, False, True]
    assert Perplexity().value(evidence) == pytest.approx(math.exp(2))


def test_a_split_without_tokens_is_nan(evidence_of):
    assert math.isnan(Perplexity().value(evidence_of(logp=[[]])))
