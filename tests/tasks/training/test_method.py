from typing import get_args

import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError
from tasks.methods.coupling import Normalised
from tasks.methods.labels import RandomLabel
from tasks.methods.likelihood import Ascent, Descent
from tasks.training.edit import ModelState, TaskVector
from tasks.training.method import PRESETS, Method, Paper, Preset, preset

SEVEN = get_args(Paper)


def test_the_seven_are_the_product_of_their_terms():
    made = {
        name: (method.forget.name, [(k.term.name, k.split) for k in method.keep])
        for name, method in PRESETS.items()
        if name in SEVEN
    }
    assert made == {
        "gradient_ascent": ("ascent", []),
        "random_label": ("random_label", []),
        "adversarial_label": ("adversarial_label", []),
        "ascent_descent": ("ascent", [("descent", "retain")]),
        "ascent_descent_general": ("ascent", [("descent", "general")]),
        "ascent_kl": ("ascent", [("kl", "retain")]),
        "ascent_kl_general": ("ascent", [("kl", "general")]),
    }


def test_descent_on_the_forget_set_is_only_a_way_to_lead_away_from_it():
    with pytest.raises(ValidationError, match="descent on the forget set teaches it"):
        Method(forget=Descent(), keep=())
    assert Method(forget=Descent(), keep=(), edit=TaskVector()).forget == Descent()
    assert Method(forget=RandomLabel(), keep=())  # its labels are not the text's


def test_arithmetic_takes_off_what_learning_the_text_changes_and_joins_no_gradients():
    with pytest.raises(ValidationError, match=r"task_vector takes off .*: let forget be descent"):
        Method(forget=Ascent(), edit=TaskVector())
    with pytest.raises(ValidationError, match="every side on its own: leave coupling at sum"):
        Method(forget=Descent(), edit=ModelState(), coupling=Normalised())


def test_every_name_of_a_method_has_one_and_no_other_has():
    assert list(get_args(Preset)) == list(PRESETS)


def test_a_slip_of_the_finger_is_offered_the_nearest_name():
    with pytest.raises(ConfigError, match=r"preset=ascent_decent: .*did you mean 'ascent_descent'"):
        preset("ascent_decent")
