import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.metrics.forgetting import (
    Way,
    curves,
    drawn,
    found,
    interval,
    resampled,
    steps_to,
    thirds,
)

STEPS = np.array([0.0, 2.0, 4.0, 6.0])


def way(*exposures, lost=(0.0, 0.1, 0.2, 0.3)):
    return Way(STEPS, np.array(exposures), np.array(lost))


def test_steps_are_read_off_the_line_between_two_probes():
    # 0.9 at step 2, 0.4 at step 4: 0.5 lies 0.4 / 0.5 of the way, at step 2 + 0.8 * 2
    assert steps_to(np.array([1.0, 0.9, 0.4, 0.0]), STEPS, 0.5) == pytest.approx(3.6)


def test_who_starts_there_needs_no_step_and_who_never_comes_there_has_no_number():
    assert steps_to(np.array([0.5, 0.9, 0.4, 0.0]), STEPS, 0.5) == 0.0
    assert steps_to(np.array([1.0, 0.9, 0.8, 0.7]), STEPS, 0.5) == math.inf


def test_the_first_time_counts_though_exposure_rises_again():
    assert steps_to(np.array([1.0, 0.5, 0.9, 0.2]), STEPS, 0.5) == 2.0


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-3, 3), st.floats(0, 2))
def test_a_lower_level_never_takes_fewer_steps(curve, stated, less):
    assert steps_to(np.array(curve), STEPS, stated - less) >= steps_to(
        np.array(curve), STEPS, stated
    )


def test_difficulty_is_thirds_of_the_loss_of_a_model_that_never_saw_it():
    assert thirds(np.array([5.0, 1.0, 3.0, 2.0, 6.0, 4.0])) == [
        "hard", "easy", "middle", "easy", "hard", "middle",
    ]  # fmt: skip


def test_curves_are_means_over_documents_then_seeds():
    one = way([1.0, 0.8, 0.4, 0.0], [3.0, 1.2, 0.4, 0.0])  # mean 2, 1, 0.4, 0
    other = way([0.0, 0.0, 0.0, 0.0], lost=(0.0, 0.3, 0.6, 0.9))
    both = found([one, other], stated=0.25)  # mean 1, 0.5, 0.2, 0
    # 0.5 at 2, 0.2 at 4: 0.25 lies 5/6 of the way; utility 0, 0.2, 0.4, 0.6
    assert both.start == [1.0]
    assert both.steps == pytest.approx([2 + 2 * 5 / 6])
    assert both.lost == pytest.approx([0.2 + 0.2 * 5 / 6])
    assert both.end == [0.0]
    assert both.damage == pytest.approx([0.6])


def test_utility_lost_is_not_known_where_the_level_was_never_reached():
    assert math.isnan(found([way([1.0, 0.9, 0.8, 0.7])], 0.5).lost[0])


def test_resamples_of_documents_all_alike_are_all_the_same():
    ways = [way([1.0, 0.9, 0.4, 0.0], [1.0, 0.9, 0.4, 0.0])] * 2
    told = resampled(ways, 0.5, drawn(2, 50, seed=0), seed=1)
    assert told.steps == pytest.approx([3.6] * 50)


def test_resamples_vary_with_seeds_and_with_documents():
    one, other = way([1.0, 0.0, 0.0, 0.0]), way([2.0, 0.0, 0.0, 0.0])
    runs = np.array([[0, 0], [0, 1], [1, 1]])
    assert curves([one, other], runs, seed=0)[:, 0].tolist() == [1.0, 1.5, 2.0]
    unlike = [way([1.0, 0, 0, 0], [2.0, 0, 0, 0])]
    starts = curves(unlike, np.zeros((200, 1), dtype=int), seed=0)[:, 0]
    assert set(starts) == {1.0, 1.5, 2.0}
    assert starts.mean() == pytest.approx(1.5, abs=0.1)


def test_an_interval_may_end_in_never_and_is_not_given_where_too_much_is_unknown():
    values = np.array([1.0] * 50 + [2.0] * 40 + [math.inf] * 10)
    assert interval(values, 0.95) == (1.0, math.inf)
    assert interval(np.array([math.nan] * 2 + [1.0] * 98), 0.95) == (1.0, 1.0)
    assert all(math.isnan(end) for end in interval(np.array([math.nan] * 3 + [1.0] * 97), 0.95))
