import pytest

from tasks.core.errors import ConfigError
from tasks.training.method import PRESETS, preset


def test_the_seven_are_the_product_of_their_terms():
    made = {
        name: (method.forget.name, [(k.term.name, k.split) for k in method.keep])
        for name, method in PRESETS.items()
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


def test_only_divergence_needs_the_model_from_before():
    needing = {name for name, method in PRESETS.items() if method.needs_reference}
    assert needing == {"ascent_kl", "ascent_kl_general"}


def test_a_slip_of_the_finger_is_offered_the_nearest_name():
    with pytest.raises(ConfigError, match=r"preset=ascent_decent: .*did you mean 'ascent_descent'"):
        preset("ascent_decent")
