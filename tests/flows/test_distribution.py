import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows import benchmark
from flows.distribution import STUDIES, DistributionConfig

PROJECT = Path(__file__).parents[2]
TINY = [
    "study=memorisation", "model.epochs=1", "model.scratch.hidden=16",
    "model.scratch.intermediate=32", "model.scratch.layers=1", "model.scratch.vocabulary=400",
    "splits.retain_tokens=6000", "splits.general_tokens=8000", "splits.approximate_tokens=3500",
    "splits.test_tokens=3500", "unlearn.steps=3", "unlearn.optimiser.tokens_per_step=256",
    "bench.folds=2", "bench.planting.documents=3", "bench.planting.characters=120",
    "bench.planting.times=[1,4]", "bench.candidates=20", "bench.contrast.resamples=200",
]  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_valid_and_has_a_name_of_its_own(name):
    DistributionConfig(**STUDIES[name])
    assert name not in benchmark.STUDIES


@pytest.mark.parametrize(
    ("run", "word"),
    [
        ({"model": {"path": "somewhere"}}, "leave model.path empty"),
        ({"model": {"epochs": 1.5}}, "whole number"),
        ({"unlearn": {"stop": {"name": "alike"}}}, "leave unlearn.stop at all_steps"),
    ],
)
def test_what_cannot_be_planted_or_compared_is_refused(run, word):
    with pytest.raises(ValidationError, match=word):
        DistributionConfig(run=run)


def test_a_seed_is_of_weights_and_of_orders_and_the_lesson_is_read_once():
    config = DistributionConfig(run={"model": {"epochs": 3}})
    model, unlearning = config.model(7), config.unlearning("ascent_kl", 7)
    assert (model.scratch.seed, model.optimiser.seed, unlearning.optimiser.seed) == (7, 7, 7)
    assert (config.epochs, model.epochs) == (3, 1.0)
    assert unlearning.probes.documents
    assert "test" in unlearning.probes.splits


def study():
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "bench", *TINY],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def made(artifacts):
    """When each finished output was made."""
    return {path: path.stat().st_mtime for path in artifacts.glob("*/*/record.json")}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_that_was_interrupted_repeats_no_finished_cell(artifacts):
    first = study()
    while len(list(artifacts.glob("model/*/record.json"))) < 4:  # two taught, two unlearned
        assert first.poll() is None, first.stderr.read()[-2000:]
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = made(artifacts)
    answer, complaint = (second := study()).communicate()
    assert second.returncode == 0, complaint[-2000:]
    after = made(artifacts)
    assert before.items() <= after.items()
    # two models, four kinds unlearned, one for each of two folds
    assert len(list(artifacts.glob("model/*/record.json"))) == 2 + 4 + 2
    for file in ("table.md", "figure.png", "cells.json", "claims.md", "memorisation.png"):
        assert f"/{file}" in answer
    again, _ = study().communicate()
    assert again == answer
    assert made(artifacts) == after
