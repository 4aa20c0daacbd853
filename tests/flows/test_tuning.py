"""What is searched, and a whole search of a small run, interrupted and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
import yaml
from pydantic import ValidationError

from flows.config import RunConfig, configured
from flows.tuning import TuneConfig
from tasks.core.errors import ConfigError
from tasks.training.method import PRESETS
from tasks.training.stop import Alike, AllSteps, Gap
from tasks.unlearn import UnlearnConfig

PROJECT = Path(__file__).parents[2]
SMALL = yaml.safe_load((PROJECT / "tests/stack/small-run.yaml").read_text())


def run(**unlearn):
    return RunConfig(unlearn=UnlearnConfig(**unlearn))


def test_no_methods_is_the_runs_own():
    ((name, begun),) = TuneConfig(run=run(method="wga")).starts.items()
    assert name == "own"
    assert begun.method == PRESETS["wga"]


def test_methods_are_searched_in_the_order_they_are_named():
    starts = TuneConfig(methods=("undial", "ascent_kl")).starts
    assert {name: begun.method for name, begun in starts.items()} == {
        "undial": PRESETS["undial"], "ascent_kl": PRESETS["ascent_kl"],
    }  # fmt: skip


def test_a_trial_is_given_up_by_the_gates_allowances_at_half_of_its_steps():
    config = RunConfig(
        gate={"forget_factor": 1.4, "utility_factor": 1.1}, unlearn=UnlearnConfig(steps=30)
    )
    ((_, begun),) = TuneConfig(run=config, due_share=0.1).starts.items()
    assert begun.stop == Alike(forget_factor=1.4, utility_factor=1.1, due_step=15, due_share=0.1)
    assert begun.steps == 30


def test_a_rule_that_was_chosen_stays():
    ((_, begun),) = TuneConfig(run=run(stop=Gap(retain_factor=3.0))).starts.items()
    assert begun.stop == Gap(retain_factor=3.0)


def test_weights_that_are_edited_afterwards_are_never_stopped():
    ((_, begun),) = TuneConfig(methods=("task_vector",)).starts.items()
    assert begun.stop == AllSteps()


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": [1e-3, 1e-4]}, {"knobs": []}, {"trials": 0}, {"methods": ["undial"] * 2}],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_trained(wrong):
    with pytest.raises(ValidationError):
        TuneConfig(**wrong)


def test_a_method_without_the_knob_that_is_to_be_turned_is_named():
    with pytest.raises(ConfigError, match=r"tune\.knobs=own: this method has none of them"):
        configured(TuneConfig, {"methods": ["ascent_kl"], "knobs": ["own"]})


def assignments(tree, *path):
    for key, value in sorted(tree.items(), key=lambda item: item[0] != "name"):
        if isinstance(value, dict):
            yield from assignments(value, *path, key)
        else:
            yield f"{'.'.join([*path, key])}={json.dumps(value)}"


TUNE = [
    sys.executable, "-m", "flows", "tune", "--json", *assignments(SMALL), "unlearn.steps=6",
    "tune.methods=[npo_kl]", "tune.trials=4",
]  # fmt: skip


def trials(place):
    (path,) = place.glob("tuning/*/trials.json")
    table = json.loads(path.read_text())
    return [(row["knobs"], row["outcome"], row["spent"]) for row in table]


def tune():
    done = subprocess.run(TUNE, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def kept(place):
    """Trials in the file of the search, if there is one yet."""
    for path in place.glob("search/*.db"):
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            return len(optuna.load_study(study_name="search", storage=storage).trials)
        except Exception:  # being made
            return 0
    return 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_that_was_killed_goes_on_and_finds_what_one_finds_that_was_not(
    tmp_path, monkeypatch
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    monkeypatch.setenv("LETHE_ARTIFACTS", str(whole))
    found = tune()
    monkeypatch.setenv("LETHE_ARTIFACTS", str(parts))
    process = subprocess.Popen(
        TUNE, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while kept(parts) < 2:
        assert process.poll() is None
        time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 2 <= kept(parts) < 4
    again = tune()
    assert trials(parts) == trials(whole)
    assert len({knobs for knobs, _, _ in trials(parts)}) == kept(parts) == 4
    assert again["found"][0]["knobs"] == found["found"][0]["knobs"]
    (params,) = Path(again["params"]).iterdir()
    assert (
        configured(RunConfig, yaml.safe_load(params.read_text())).unlearn.method.forget.name
        == "npo"
    )
