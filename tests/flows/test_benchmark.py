import math
from itertools import pairwise

import pytest
from pydantic import ValidationError

from flows import distribution
from flows.benchmark import STUDIES, BenchmarkConfig, study
from tasks.core.errors import ConfigError
from tasks.training.method import PRESETS


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_a_valid_benchmark(name):
    BenchmarkConfig(**study(name))


def test_the_rates_of_the_robustness_study_are_seven_over_two_and_a_half_decades():
    rates = study("lr_robustness")["learning_rates"]
    steps = [math.log10(later / former) for former, later in pairwise(rates)]
    assert len(rates) == 7
    assert math.log10(rates[-1] / rates[0]) == pytest.approx(2.5, abs=0.01)
    assert steps == pytest.approx([2.5 / 6] * 6, abs=0.01)


def test_a_slip_of_the_finger_is_offered_the_nearest_study():
    with pytest.raises(ConfigError, match="did you mean 'lr_robustness'"):
        study("lr_robustnes")
    with pytest.raises(ConfigError, match="did you mean 'id_vs_ood'"):
        study("id_vs_od", distribution.STUDIES)


def test_methods_rates_and_seeds_are_multiplied():
    config = BenchmarkConfig(
        methods=("ascent_kl", "undial"), learning_rates=(1e-4, 1e-3), seeds=(0, 1, 2)
    )
    made = [
        (name, varied.optimiser.learning_rate, varied.optimiser.seed)
        for name, varied in config.variations(config.run)
    ]
    assert len(set(made)) == len(made) == 2 * 2 * 3
    assert all(varied.method == PRESETS[name] for name, varied in config.variations(config.run))


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rates": [0.0]}, {"seeds": [-1]}, {"seeds": [1, 1]}, {"methods": ["nothing"]}],
)
def test_what_no_run_could_take_is_refused_before_the_first(wrong):
    with pytest.raises(ValidationError):
        BenchmarkConfig(**wrong)
