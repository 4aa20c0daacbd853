import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.batch import IGNORE, Chunk
from tasks.methods.labels import AdversarialLabel, RandomLabel, likeliest_other


def chunk(*labels):
    return Chunk(np.arange(len(labels)), np.array(labels), 0)


def test_the_adversarial_label_is_the_likeliest_token_that_is_not_the_next_one(known):
    # Odds 1 : 5 : 3: the likeliest is 1; where 1 is the truth, 2.
    (relabelled,) = AdversarialLabel().relabel([chunk(0, 1, 2, IGNORE)], known(1.0, 5.0, 3.0), None)
    assert relabelled.labels.tolist() == [1, 2, 1, IGNORE]


@given(st.integers(0, 2**32 - 1))
def test_the_adversarial_label_is_never_the_true_next_token(seed):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 5, 7, generator=draw)
    labels = torch.randint(7, (3, 5), generator=draw)
    assert not (likeliest_other(logits, labels) == labels).any()


def test_adversarial_labels_stay_with_their_chunk_in_whatever_order_they_are_read(known):
    long, short = chunk(*[1] * 9), chunk(0, 0)
    relabelled = AdversarialLabel().relabel([long, short], known(1.0, 5.0, 3.0), None)
    assert [one.labels.tolist() for one in relabelled] == [[2] * 9, [1, 1]]


def test_random_labels_are_fixed_by_their_seed(known):
    whole = [chunk(*range(50))]
    one, same, other = (
        RandomLabel(seed=seed).relabel(whole, known(*[1.0] * 50), None)[0].labels
        for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert (one != other).any()


def test_random_labels_cover_the_whole_vocabulary_evenly(known):
    (relabelled,) = RandomLabel().relabel([chunk(*[0] * 4000)], known(1.0, 1.0, 1.0, 1.0), None)
    # 1000 of each expected, standard deviation sqrt(4000 * 1/4 * 3/4) = 27.4
    assert (np.abs(np.bincount(relabelled.labels, minlength=4) - 1000) < 5 * 27.4).all()


def test_inputs_and_what_is_scored_stay_as_they_are(known):
    before = chunk(0, IGNORE, 1)
    for term in (RandomLabel(), AdversarialLabel()):
        (after,) = term.relabel([before], known(1.0, 2.0, 3.0), None)
        assert (after.ids == before.ids).all()
        assert ((after.labels == IGNORE) == (before.labels == IGNORE)).all()
        assert before.labels.tolist() == [0, IGNORE, 1]
