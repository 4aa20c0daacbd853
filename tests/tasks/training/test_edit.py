"""Arithmetic on weights, on models whose weights are plain numbers."""

import pytest
import torch

from tasks.training.edit import Added, Change, add
from tasks.training.model import load


@pytest.fixture
def filled(start, tokenizer, tmp_path):
    """Makes a model folder in which every weight is the same."""

    def make(value):
        model, _ = load(start)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)
        folder = tmp_path / f"of {value}"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


def left(folder, start, added):
    model, _ = load(folder)
    add(model, start, added)
    (value,) = {float(weight) for p in model.parameters() for weight in p.detach().unique()}
    return value


def test_a_task_vector_goes_from_the_target_the_other_way(filled):
    # 2 - 1.5 x (3 - 2)
    target, tuned = filled(2.0), filled(3.0)
    assert left(tuned, target, Added(to=target, times=-1.5)) == pytest.approx(0.5)


def test_model_state_arithmetic_is_worked_by_hand(filled):
    # target 5, earlier 1, tuned on forget 4, tuned on keep 3: 5 - 0.5 x (4 - 1) + 2 x (3 - 1) = 7.5
    target, earlier, forget, keep = (filled(value) for value in (5.0, 1.0, 4.0, 3.0))
    added = Added(to=target, times=2.0, others=(Change(folder=forget, times=-0.5),))
    assert left(keep, earlier, added) == pytest.approx(7.5)


def test_a_change_that_counts_nothing_leaves_the_target(filled):
    target, tuned = filled(2.0), filled(3.0)
    assert left(tuned, target, Added(to=target, times=0.0)) == 2.0


def test_small_changes_are_not_lost(filled):
    # bfloat16 knows nothing between 1 and 1.0078: a difference of 0.001 would be 0 or 0.0078
    target, tuned = filled(1.0), filled(1.001)
    assert left(tuned, target, Added(to=target, times=-1.0)) == pytest.approx(0.999, abs=1e-7)
