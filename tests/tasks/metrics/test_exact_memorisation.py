import math

import pytest

from tasks.metrics.exact_memorisation import ExactMemorisation


def test_over_a_split_every_document_weighs_the_same(evidence_of):
    # 1 of 1 and 1 of 4: (1 + 1/4) / 2 = 0.625, where accuracy says 2 of 5.
    evidence = evidence_of(hit=[[True], [True, False, False, False]])
    assert ExactMemorisation().value(evidence) == pytest.approx(0.625)


def test_a_document_without_tokens_is_not_a_document_forgotten(evidence_of):
    assert ExactMemorisation().value(evidence_of(hit=[[True], []])) == 1


def test_without_tokens_it_is_nan(evidence_of):
    assert math.isnan(ExactMemorisation().value(evidence_of(hit=[[], []])))
