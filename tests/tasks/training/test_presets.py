"""Methods by name, each as the job that runs it."""

import json

import pytest

from tasks.core.record import Record
from tasks.core.settings import Settings
from tasks.training.job import PROGRESS
from tasks.training.loop import OptimiserConfig
from tasks.training.method import PRESETS, Keep, Method
from tasks.training.probes import Probes
from tasks.training.worker import work
from tasks.unlearn import UnlearnConfig, jobs_of

TOKENS, STEPS = 96, 6
QUICK = UnlearnConfig(
    steps=STEPS,
    optimiser=OptimiserConfig(learning_rate=1e-2, tokens_per_step=TOKENS, precision="float32"),
    probes=Probes(splits=("forget",), tokens=TOKENS, every=STEPS),
)


@pytest.fixture
def done(start, splits, tmp_path):
    """Runs a method here and now; its reports."""

    def run(method):
        target = Record(kind="model", fingerprint="t0", path=start)
        data = Record(kind="splits", fingerprint="d0", path=splits)
        out, folder = tmp_path / "out", Settings().root / "job"
        for made in (out, folder):
            made.mkdir(parents=True)
        for job in jobs_of(target, data, QUICK.model_copy(update={"method": method}), folder, out):
            job.folder.mkdir(exist_ok=True)
            work(job)
        return [json.loads(line) for line in (out / PROGRESS).read_text().splitlines()]

    return run


@pytest.mark.parametrize("name", [name for name in PRESETS if "ascent" in name])
def test_ascent_makes_the_forget_set_less_likely(done, name):
    before, *_, after = done(PRESETS[name])
    assert after["forget_nll"] > before["forget_nll"]


@pytest.mark.parametrize("name", ["random_label", "adversarial_label"])
def test_wrong_labels_are_learned(done, name):
    _, first, *_, last = done(PRESETS[name])
    assert last["forget_loss"] < first["forget_loss"]


@pytest.mark.parametrize(("name", "sides"), [("gradient_ascent", 1), ("ascent_kl_general", 2)])
def test_a_step_reads_so_many_tokens_of_each_side(done, name, sides):
    _, *steps = done(PRESETS[name])
    assert [step["tokens"] for step in steps] == [sides * TOKENS] * STEPS


def test_divergence_is_nothing_before_the_first_step(done):
    _, first, *_, last = done(PRESETS["ascent_kl"])
    assert first["keep_loss"] == pytest.approx(0, abs=1e-6)
    assert last["keep_loss"] > 0


@pytest.mark.parametrize("name", ["dpo", "dpo_refusal"])
def test_what_stands_against_the_text_is_preferred(done, name):
    _, first, *_, last = done(PRESETS[name])
    assert last["forget_loss"] < first["forget_loss"]


@pytest.mark.parametrize("name", ["rmu", "residual_alignment"])
def test_what_the_layers_make_of_the_text_is_moved(done, name):
    _, first, *_, last = done(PRESETS[name])
    assert last["forget_loss"] < first["forget_loss"]
    assert first["keep_loss"] == pytest.approx(0, abs=1e-6)


def test_each_keep_term_reads_its_own_split_with_its_own_weight(start, splits, tmp_path):
    method = Method(keep=(Keep(split="general", weight=3.0), Keep(split="retain", weight=0.5)))
    target = Record(kind="model", fingerprint="t0", path=start)
    data = Record(kind="splits", fingerprint="d0", path=splits)
    (job,) = jobs_of(target, data, QUICK.model_copy(update={"method": method}), tmp_path, tmp_path)
    assert [(part.splits, part.weight) for part in job.parts] == [
        (("forget",), 1.0), (("general",), 3.0), (("retain",), 0.5),
    ]  # fmt: skip
