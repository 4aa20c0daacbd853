import math

import pytest

from tasks.metrics.accuracy import Accuracy


def test_it_is_the_share_of_hits_over_all_tokens(evidence_of):
    # 1 of 1 and 1 of 3: 2 of 4 tokens; a mean over documents would say 2/3.
    evidence = evidence_of(hit=[[True], [True, False, False]])
    assert Accuracy().value(evidence) == pytest.approx(2 / 4)


def test_of_a_document_it_is_the_share_of_its_hits(evidence_of):
    evidence = evidence_of(hit=[[True], [True, False, False]])
    assert Accuracy().per_document(evidence) == pytest.approx([1, 1 / 3])


def test_without_tokens_it_is_nan(evidence_of):
    assert math.isnan(Accuracy().value(evidence_of(hit=[[]])))
