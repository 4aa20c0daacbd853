import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.batch import IGNORE, STRIDE, Chunk, bucketed, collate


def chunk(length, document=0):
    ids = np.arange(length + 1)
    return Chunk(ids[:-1], ids[1:], document)


def test_rows_are_padded_on_the_right_and_padding_is_never_scored():
    batch = collate([chunk(2), chunk(4)])
    assert batch.input_ids_BT.shape == (2, STRIDE)
    assert batch.input_ids_BT[:, :4].tolist() == [[0, 1, 0, 0], [0, 1, 2, 3]]
    assert batch.labels_BT[:, :4].tolist() == [[1, 2, IGNORE, IGNORE], [1, 2, 3, 4]]
    assert batch.scored == 6


def test_a_chunk_counts_only_what_is_scored():
    assert Chunk(np.arange(3), np.array([IGNORE, 5, IGNORE]), 0).scored == 1


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 120))
def test_every_chunk_is_in_one_group_and_no_group_outgrows_its_limit(lengths, limit):
    groups = list(bucketed([chunk(length) for length in lengths], limit))
    assert sorted(at for group in groups for at in group) == list(range(len(lengths)))
    for group in groups:
        padded = len(group) * max(lengths[at] for at in group)
        assert padded <= limit or len(group) == 1


def test_what_stands_beside_chunks_is_a_batch_of_its_own_and_is_not_scored():
    batch = collate([chunk(2)._replace(other=chunk(3)), chunk(4)._replace(other=chunk(STRIDE + 1))])
    assert batch.scored == 6
    assert batch.other.labels_BT.shape == (2, 2 * STRIDE)
    assert (batch.other.labels_BT != IGNORE).sum(-1).tolist() == [3, STRIDE + 1]
    assert batch.to("cpu").other.scored == batch.other.scored


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=20), st.integers(1, 99))
def test_what_stands_beside_a_chunk_takes_its_room_in_a_group(lengths, limit):
    pairs = [chunk(one)._replace(other=chunk(two)) for one, two in lengths]
    for group in bucketed(pairs, limit):
        assert len(group) * max(sum(lengths[at]) for at in group) <= limit or len(group) == 1
