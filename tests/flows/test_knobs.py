import pytest
from pydantic import ValidationError

from flows.knobs import OWN, knobs, start, turn
from tasks.methods import COUPLINGS, TERMS
from tasks.training.method import PRESETS
from tasks.training.stop import Alike
from tasks.unlearn import UnlearnConfig

ALL = ("learning_rate", "steps", "keep_weight", "own")
RATE = "optimiser.learning_rate"


def of(preset, turned=ALL, **changed):
    begun = UnlearnConfig(method=preset, **changed)
    space = knobs(begun, turned, (1e-5, 1e-3), (0.5, 8.0))
    return begun, space, {knob.name: (knob.low, knob.high) for knob in space}


def test_the_knobs_of_a_method_are_its_rate_its_weights_and_its_own():
    _, _, ends = of("npo_kl", stop=Alike())
    assert ends == {
        RATE: (1e-5, 1e-3), "method.keep.0.weight": (0.5, 8.0), "method.forget.beta": (0.01, 1.0),
    }  # fmt: skip


def test_weights_are_turned_around_the_methods_own():
    _, _, ends = of("simnpo", stop=Alike())  # its weight is 8
    assert ends["method.keep.0.weight"] == (4.0, 64.0)


def test_a_coupling_and_an_edit_have_knobs_too():
    assert "method.coupling.slack" in of("primal_dual", stop=Alike())[2]
    assert of("task_vector")[2]["method.edit.forget"] == (0.25, 4.0)


def test_steps_are_turned_only_where_no_rule_can_stop():
    assert of("task_vector", steps=40)[2]["steps"] == (4, 40)
    assert "steps" not in of("ascent_kl", stop=Alike())[2]


def test_only_what_is_asked_for_is_turned():
    assert list(of("npo_kl", turned=("own",))[2]) == ["method.forget.beta"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_end_of_every_range_is_a_method_and_nothing_else_changes(preset):
    begun, space, _ = of(preset)
    at = start(begun, space)
    assert turn(begun, at) == begun
    for knob in space:
        for end in (knob.low, knob.high):
            turned = turn(begun, {**at, knob.name: end})
            assert start(turned, space) == {**at, knob.name: end}


def test_every_own_knob_is_a_field_of_something():
    known = {**TERMS, **COUPLINGS}
    for name, own in OWN.items():
        assert own.field in known[name].model_fields


def test_a_knob_beyond_what_its_field_allows_is_refused():
    begun, _, _ = of("npo_kl")
    with pytest.raises(ValidationError):
        turn(begun, {"method.forget.beta": 11.0})
