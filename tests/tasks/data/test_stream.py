from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.batch import IGNORE, Chunk
from tasks.data.stream import Stream

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def chunks(lengths):
    """Labels are unique over all chunks, so that each can be counted."""
    starts = np.cumsum([0, *lengths[:-1]])
    return [
        Chunk(np.arange(length), 1000 + start + np.arange(length), at)
        for at, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def scored(step):
    return [int(label) for chunk in step for label in chunk.labels if label != IGNORE]


@given(LENGTHS, st.integers(1, 40), st.integers(0, 5))
def test_every_step_scores_exactly_as_many_tokens_as_it_says(lengths, per_step, seed):
    stream = Stream(chunks(lengths), per_step, seed)
    assert all(len(scored(stream.step(number))) == per_step for number in range(5))


@given(LENGTHS, st.integers(1, 7), st.integers(0, 5))
def test_each_token_is_scored_once_an_epoch(lengths, per_step, seed):
    total = sum(lengths)
    stream = Stream(chunks(lengths), per_step, seed)
    # After per_step epochs, a whole number of steps: total * per_step tokens.
    seen = Counter(label for number in range(total) for label in scored(stream.step(number)))
    assert seen == dict.fromkeys(range(1000, 1000 + total), per_step)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 9))
def test_a_step_depends_on_its_number_and_the_seed_alone(lengths, per_step, number):
    fresh, used = (Stream(chunks(lengths), per_step, seed=3) for _ in range(2))
    for earlier in range(number):
        used.step(earlier)
    assert scored(fresh.step(number)) == scored(used.step(number))


def test_a_cut_chunk_is_read_from_its_start_and_scored_from_the_cut():
    stream = Stream(chunks([6]), tokens_per_step=4, seed=0)
    (first,), (second, _) = stream.step(0), stream.step(1)
    assert first.ids.tolist() == [0, 1, 2, 3]
    assert second.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert second.labels.tolist() == [*[IGNORE] * 4, 1004, 1005]


def test_the_order_changes_from_epoch_to_epoch_and_with_the_seed():
    one = Stream(chunks([1] * 20), tokens_per_step=20, seed=0)
    assert scored(one.step(0)) != scored(one.step(1))
    assert scored(one.step(0)) != scored(Stream(one.chunks, 20, seed=1).step(0))


@given(LENGTHS, LENGTHS, st.integers(1, 7))
def test_what_stands_beside_a_chunk_is_cut_where_it_is(lengths, others, per_step):
    beside = chunks((others * len(lengths))[: len(lengths)])
    pairs = [one._replace(other=two) for one, two in zip(chunks(lengths), beside, strict=True)]
    for pair in (one for number in range(3) for one in Stream(pairs, per_step, 0).step(number)):
        whole, other = pairs[pair.document], scored([pair.other])
        first = scored([whole]).index(scored([pair])[0])
        whole_row = scored([pair]) == scored([whole])
        last = None if whole_row else first + pair.scored
        assert other == scored([whole.other])[first:last]


def test_tokens_read_beside_the_text_are_known():
    alone, beside = chunks([4]), chunks([6])
    assert Stream(alone, 4, 0).read_per_scored == 1
    assert Stream([alone[0]._replace(other=beside[0])], 4, 0).read_per_scored == (4 + 6) / 4
