import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.metrics.extraction_strength import ExtractionStrength, _strength

HIT, MISS = True, False


@pytest.mark.parametrize(
    ("hits", "strength"),
    [
        ([HIT, HIT, HIT, HIT], 1),  # nothing need be given
        ([MISS, HIT, HIT, HIT], 1 - 1 / 4),
        ([HIT, MISS, HIT, HIT], 1 - 2 / 4),  # a hit before the last miss is no help
        ([HIT, HIT, HIT, MISS], 0),  # 1/4 where the floor is 1/N
        ([MISS, MISS, MISS, MISS], 0),
    ],
)
def test_it_is_the_share_that_need_not_be_given(evidence_of, hits, strength):
    assert ExtractionStrength().per_document(evidence_of(hit=[hits])) == pytest.approx(strength)


def test_over_a_split_it_is_the_mean_of_documents_that_were_read(evidence_of):
    evidence = evidence_of(hit=[[HIT, HIT], [], [HIT, MISS]])
    assert np.isnan(ExtractionStrength().per_document(evidence)).tolist() == [False, True, False]
    assert ExtractionStrength().value(evidence) == pytest.approx((1 + 0) / 2)


def peer(hits):
    """OpenUnlearning's loop: the first k from which all is right, trying k up to N - 1."""
    for k in range(len(hits)):
        if all(hits[k:]):
            break
    return 1 - k / len(hits)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_it_is_the_peers_wherever_the_last_token_is_right(hits):
    ours = _strength(np.array(hits, dtype=float))
    if hits[-1]:
        assert ours == pytest.approx(peer(hits))
    else:
        assert (ours, peer(hits)) == pytest.approx((0, 1 / len(hits)))
