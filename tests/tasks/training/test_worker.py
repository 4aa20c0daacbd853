"""What a job leaves behind, run here and now in this process."""

import json
import math

import pytest
import torch

from tasks.methods.coupling import PrimalDual
from tasks.methods.likelihood import Descent
from tasks.training.job import PROGRESS, SPENT, Part
from tasks.training.loop import OptimiserConfig
from tasks.training.model import load
from tasks.training.probes import Probes
from tasks.training.stop import Alike
from tasks.training.worker import work

EVERY = Probes(splits=("forget", "retain", "approximate"), tokens=96, every=1)
FAST = OptimiserConfig(learning_rate=3e-2, tokens_per_step=96, precision="float32")


def run(job):
    job.folder.mkdir(parents=True)
    work(job)
    return json.loads((job.out / SPENT).read_text())


def lines(job):
    return [json.loads(line) for line in (job.out / PROGRESS).read_text().splitlines()]


def weights(folder):
    return dict(load(folder)[0].named_parameters())


@pytest.fixture
def learned(a_job):
    """The folder of a model that knows the forget set a little."""
    job = a_job(
        "learned",
        parts=(Part(term=Descent(), splits=("forget", "retain")),),
        optimiser=FAST,
        steps=25,
        probes=Probes(),
    )
    run(job)
    return job.out


def test_it_stops_where_forget_text_is_no_likelier_and_keeps_the_nearest_step(a_job, learned):
    job = a_job(
        start=learned, optimiser=FAST, steps=40, probes=EVERY, stop=Alike(), checkpoint_seconds=99
    )
    spent = run(job)
    way = lines(job)
    assert spent["stopped"] in ("alike", "retain")
    assert spent["steps"] == way[-1]["step"] < 40
    assert spent["tokens"] == spent["steps"] * 2 * 96

    stop = Alike()
    excess = {line["step"]: stop.excess(line, way[0]) for line in way[1:]}
    assert spent["kept_step"] == min(excess, key=excess.get)

    # the weights are those of a job that ends with the kept step
    shorter = a_job("shorter", start=learned, optimiser=FAST, steps=spent["kept_step"])
    run(shorter)
    one, other = weights(job.out), weights(shorter.out)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_without_a_rule_the_last_step_is_kept(a_job):
    spent = run(a_job(steps=3))
    assert (spent["stopped"], spent["kept_step"], spent["steps"]) == ("", 3, 3)


def test_a_task_vector_leads_away_from_what_was_learned(a_job, learned):
    parts = (Part(term=Descent(), splits=("forget",)),)
    given = {"start": learned, "parts": parts, "optimiser": FAST, "steps": 5, "probes": EVERY}
    towards, away = a_job("towards", **given), a_job("away", **given, scale=-2.0)
    run(towards)
    run(away)
    start, forth, back = (weights(folder) for folder in (learned, towards.out, away.out))
    for name in start:
        change = forth[name] - start[name]
        assert torch.allclose(back[name] - start[name], -2 * change, atol=1e-5)
    before, *_, last = lines(away)
    assert last["forget_nll"] > before["forget_nll"]
    assert not any("forget_nll" in line for line in lines(away)[1:-1])


def test_primal_dual_measures_the_keep_loss_of_the_start(a_job, learned):
    keep = Part(term=Descent(), splits=("retain",))
    job = a_job(
        start=learned,
        parts=(Part(term=Descent(), splits=("general",)), keep),
        coupling=PrimalDual(initial=0.0, rate=1e-6, slack=0.0),
        optimiser=FAST,
        probes=EVERY,
        steps=2,
    )
    spent = run(job)
    _, first, _ = lines(job)
    assert first["loss"] == pytest.approx(first["forget_loss"])  # the multiplier is still 0
    assert math.isfinite(first["keep_loss"])
    plain = 6 * spent["parameters"] * spent["tokens"]
    assert spent["flops"] > plain  # the keep text was read once more


def test_every_forget_document_can_be_followed_on_the_way(a_job):
    job = a_job(steps=3, probes=Probes(splits=("retain",), tokens=64, every=2, documents=True))
    run(job)
    followed = [line for line in lines(job) if "document_0_nll" in line]
    assert [line["step"] for line in followed] == [0, 2, 3]  # before, every second, the last
    assert {name for name in followed[0] if name.startswith("document_")} == {
        f"document_{at}_nll" for at in range(6)
    }
    first, last = followed[0], followed[-1]
    assert all(last[f"document_{at}_nll"] != first[f"document_{at}_nll"] for at in range(6))
