"""What a job leaves behind, run here and now in this process."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from tasks.core.errors import ConfigError
from tasks.methods.coupling import PrimalDual
from tasks.methods.dpo import DPO
from tasks.methods.kl import KL
from tasks.methods.likelihood import Ascent, Descent
from tasks.methods.rmu import RMU
from tasks.training.edit import Added, Change
from tasks.training.job import EARLIER, PROGRESS, SPENT, Part
from tasks.training.loop import OptimiserConfig
from tasks.training.method import PRESETS
from tasks.training.model import ScratchConfig, initial, load
from tasks.training.probes import Probes
from tasks.training.stop import Alike
from tasks.training.weights import ADAPTER, AllWeights, LowRank, Matching
from tasks.training.worker import work

SMALL = ScratchConfig(vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2, context=32)
EVERY = Probes(splits=("forget", "retain", "approximate"), tokens=96, every=1)
FAST = OptimiserConfig(learning_rate=3e-2, tokens_per_step=96, precision="float32")


def run(job):
    job.folder.mkdir(parents=True, exist_ok=True)
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
    towards = a_job("towards", **given)
    away = a_job("away", **given, added=Added(to=learned, times=-2.0))
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


@pytest.mark.parametrize("name", ["ascent_kl", "rmu", "normalised_descent"])
def test_layers_computed_twice_leave_the_same_weights(a_job, learned, name):
    method = PRESETS[name]
    parts = (
        Part(term=method.forget, splits=("forget",)),
        *(Part(term=keep.term, splits=(keep.split,)) for keep in method.keep),
    )
    given = {"start": learned, "parts": parts, "coupling": method.coupling, "steps": 3}
    kept = a_job("kept", **given, optimiser=FAST)
    twice = a_job(
        "twice", **given, optimiser=FAST.model_copy(update={"gradient_checkpointing": True})
    )
    run(kept)
    run(twice)
    one, other = weights(kept.out), weights(twice.out)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("chosen", [AllWeights(), Matching(depth=1.0), LowRank(rank=2)])
def test_gone_on_with_it_reaches_the_same_bytes(a_job, chosen):
    whole, begun = (a_job(name, weights=chosen, optimiser=FAST, steps=6) for name in ("whole", "b"))
    run(whole)
    run(begun.model_copy(update={"steps": 3}))
    work(begun)
    for path in whole.out.rglob("*.safetensors"):
        assert path.read_bytes() == (begun.out / path.relative_to(whole.out)).read_bytes()


def test_a_checkpoint_holds_what_learns_and_no_more(a_job):
    job = a_job(weights=LowRank(rank=2), steps=1)
    run(job)
    for file in ("model", "optimizer"):
        assert len(load_file(job.folder / "state" / f"{file}.safetensors")) in (14, 3 * 14)
    assert all("lora" in name for name in load_file(job.folder / "state" / "model.safetensors"))


def test_an_adapter_merged_into_the_target_again_is_what_is_judged(a_job, learned):
    from peft import PeftModel

    job = a_job(start=learned, weights=LowRank(rank=2), optimiser=FAST, steps=3)
    spent = run(job)
    again = PeftModel.from_pretrained(load(learned)[0], job.out / ADAPTER).merge_and_unload()
    one, other = dict(again.named_parameters()), weights(job.out)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not any(torch.equal(other[n], weights(learned)[n]) for n in other if "mlp" in n)

    # 4 x (weights + adapter) to read and lead back, 2 x adapter for what learns, a token
    n, a = spent["parameters"], spent["learning"]
    assert n == sum(p.numel() for p in other.values())
    assert spent["flops"] == (4 * (n + a) + 2 * a) * spent["tokens"]


def test_the_best_step_of_an_adapter_is_kept(a_job, learned):
    slower = FAST.model_copy(update={"learning_rate": 1e-2})
    given = {"start": learned, "weights": LowRank(rank=4), "optimiser": slower}
    job = a_job(**given, steps=40, probes=EVERY, stop=Alike(), checkpoint_seconds=99)
    spent = run(job)
    assert spent["kept_step"] < spent["steps"]
    shorter = a_job("shorter", **given, steps=spent["kept_step"])
    run(shorter)
    one, other = weights(job.out), weights(shorter.out)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_reference_is_the_target_and_not_its_adapted_copy(a_job, learned):
    job = a_job(
        start=learned,
        weights=LowRank(rank=2),
        parts=(Part(term=Ascent(), splits=("forget",)), Part(term=KL(), splits=("retain",))),
        optimiser=FAST,
        steps=3,
    )
    run(job)
    _, first, *_, last = lines(job)
    assert first["keep_loss"] == pytest.approx(0, abs=1e-6)
    assert last["keep_loss"] > 1e-4


def test_a_preference_trains_on_both_rows_and_pays_for_them(a_job, learned):
    job = a_job(
        start=learned,
        parts=(Part(term=DPO(begin=4), splits=("forget",)),),
        optimiser=FAST,
        steps=5,
        probes=EVERY,
    )
    spent = run(job)
    before, first, *_, last = lines(job)
    assert last["forget_loss"] < first["forget_loss"]
    assert last["forget_nll"] > before["forget_nll"]
    # Twice the text is read for every token, and that once more by the reference.
    assert spent["flops"] > (6 + 2) * 2 * spent["parameters"] * spent["tokens"]


def test_an_earlier_step_is_kept_as_it_was(a_job):
    given = {"parts": (Part(term=Descent(), splits=("retain",)),), "optimiser": FAST}
    job, shorter = a_job(**given, steps=5, earlier_step=2), a_job("shorter", **given, steps=2)
    run(job)
    run(shorter)
    one, other = weights(job.out / EARLIER), weights(shorter.out)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], weights(job.out)[name]) for name in one)


def test_an_earlier_step_outlives_a_kill_after_it(a_job):
    given = {"parts": (Part(term=Descent(), splits=("retain",)),), "earlier_step": 2}
    whole, begun = a_job("whole", **given, steps=5), a_job("begun", **given, steps=5)
    run(whole)
    run(begun.model_copy(update={"steps": 3}))
    work(begun)
    one, other = weights(whole.out / EARLIER), weights(begun.out / EARLIER)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_model_state_arithmetic_begins_at_the_earlier_step(a_job):
    """Two jobs from the earlier checkpoint; the second adds both changes to the target."""
    text = (Part(term=Descent(), splits=("forget", "retain")),)
    target = a_job("target", parts=text, optimiser=FAST, steps=12, earlier_step=2, probes=EVERY)
    run(target)
    given = {"start": target.out / EARLIER, "optimiser": FAST, "steps": 4}
    forget = a_job("f", **given, parts=(Part(term=Descent(), splits=("forget",)),))
    spent = [run(forget)]
    added = Added(to=target.out, times=0.5, others=(Change(folder=forget.out, times=-1.0),))
    keep = {**given, "parts": (Part(term=Descent(), splits=("retain",)),)}
    alone, last = a_job("k", **keep), a_job("last", **keep, added=added, probes=EVERY)
    spent += [run(alone), run(last)]

    folders = (target.out, target.out / EARLIER, forget.out, alone.out, last.out)
    theta, zero, one, two, left = (weights(folder) for folder in folders)
    for name in theta:
        by_hand = theta[name] - (one[name] - zero[name]) + 0.5 * (two[name] - zero[name])
        assert torch.allclose(left[name], by_hand, atol=1e-5)
    before, *_, after = lines(last)
    assert before["forget_nll"] == pytest.approx(lines(target)[-1]["forget_nll"])
    assert after["forget_nll"] > before["forget_nll"]
    assert spent[2]["flops"] == spent[0]["flops"] + spent[1]["flops"]


def test_a_term_that_no_learning_weight_can_reach_is_said_so(a_job, tokenizer, tmp_path):
    deep = SMALL.model_copy(update={"layers": 4})
    initial(deep, tokenizer).save_pretrained(tmp_path / "deep")
    tokenizer.save_pretrained(tmp_path / "deep")
    job = a_job(
        start=tmp_path / "deep",
        parts=(Part(term=RMU(depth=0.25), splits=("forget",)),),
        weights=Matching(depth=1.0, blocks=2),
    )
    with pytest.raises(ConfigError, match="rmu reads no layer"):
        run(job)


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
