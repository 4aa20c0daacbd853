"""Searches of a made-up objective, whose answer is known: no model, only the file and the draws."""

import math

import optuna
import pytest

from tasks.search import Knob, Tried, best, search

SPACE = [
    Knob(name="rate", low=1e-5, high=1e-3),
    Knob(name="steps", low=3, high=30, whole=True),
]
START = {"rate": 1e-4, "steps": 10.0}


def outcome(number, knobs):
    """Best at a rate of 3e-4; beyond 8e-4 everything diverges, below 2e-5 nobody waits for it."""
    away = abs(math.log10(knobs["rate"] / 3e-4))
    if knobs["rate"] > 8e-4:
        return Tried(number=number, knobs=knobs, outcome="diverged", why="loss became nan")
    pruned = knobs["rate"] < 2e-5
    return Tried(
        number=number,
        knobs=knobs,
        outcome="pruned" if pruned else "judged",
        figures={"spent": away},
    )


def go_on(path, trials, seed=0):
    with search(path, SPACE, START, seed) as ours:
        for number in range(len(ours.tried), trials):
            ours.keep(outcome(number, ours.suggestion()))
        return ours.tried


def test_the_first_trial_is_the_start_and_all_are_within_their_ranges(tmp_path):
    tried = go_on(tmp_path / "s.db", 12)
    assert tried[0].knobs == START
    assert all(1e-5 <= one.knobs["rate"] <= 1e-3 for one in tried)
    assert all(one.knobs["steps"] in range(3, 31) for one in tried)


def test_a_start_out_of_range_begins_at_the_nearest_end(tmp_path):
    with search(tmp_path / "s.db", SPACE, {"rate": 1.0, "steps": 1.0}, seed=0) as ours:
        assert ours.suggestion() == {"rate": 1e-3, "steps": 3.0}


def test_an_interrupted_search_goes_on_to_the_very_same_trials(tmp_path):
    whole = go_on(tmp_path / "whole.db", 9)
    for upto in (2, 5, 9):
        parts = go_on(tmp_path / "parts.db", upto)
    assert parts == whole
    assert len({tuple(one.knobs.values()) for one in parts}) == 9


def test_a_trial_that_was_begun_and_never_finished_is_suggested_again(tmp_path):
    go_on(tmp_path / "s.db", 6)
    with search(tmp_path / "s.db", SPACE, START, seed=0) as ours:
        lost = ours.suggestion()
    with search(tmp_path / "s.db", SPACE, START, seed=0) as ours:
        assert ours.suggestion() == lost
        assert len(ours.tried) == 6


def test_another_seed_is_another_search(tmp_path):
    assert go_on(tmp_path / "a.db", 6)[1:] != go_on(tmp_path / "b.db", 6, seed=1)[1:]


def test_it_learns_where_the_answer_is(tmp_path):
    # Drawn at random a rate is (1.48^2 + 0.52^2) / 4 = 0.61 decades away from the best on average.
    tried = go_on(tmp_path / "s.db", 30)
    assert sum(one.spent for one in tried[-10:]) / 10 < 0.61 / 2
    assert best(tried).spent < 0.1


def test_optuna_is_told_what_was_pruned_and_what_diverged(tmp_path):
    path = tmp_path / "s.db"
    with search(path, SPACE, START, seed=0) as ours:
        for number, rate in enumerate([1e-4, 1e-5, 9e-4]):
            ours.keep(outcome(number, {"rate": rate, "steps": 10.0}))
    kept = optuna.load_study(study_name="search", storage=f"sqlite:///{path}").trials
    assert [trial.state.name for trial in kept] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert kept[1].intermediate_values == {0: pytest.approx(math.log10(30))}
    assert kept[2].value == math.inf


def test_the_best_is_a_judged_trial_unless_there_is_none():
    judged, pruned, lost = (
        Tried(number=at, knobs={}, outcome=outcome, figures=figures)
        for at, (outcome, figures) in enumerate(
            [("judged", {"spent": 3.0}), ("pruned", {"spent": 2.0}), ("diverged", {})]
        )
    )
    assert best([lost, pruned, judged]) == judged
    assert best([lost, pruned]) == pruned
    assert best([lost]) is None
