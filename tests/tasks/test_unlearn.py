import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError, ModelError
from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.data.tokens import train_tokenizer
from tasks.methods.likelihood import Descent
from tasks.training.edit import ModelState
from tasks.training.job import EARLIER
from tasks.training.loop import OptimiserConfig
from tasks.training.method import PRESETS, Keep, Method
from tasks.training.model import ScratchConfig, initial
from tasks.training.probes import Probes
from tasks.unlearn import UnlearnConfig, jobs_of, unlearn

WORDS = ["one", "two", "three", "four", "five"]
QUICK = UnlearnConfig(
    steps=3,
    optimiser=OptimiserConfig(learning_rate=1e-2, tokens_per_step=128),
    probes=Probes(splits=("forget", "retain", "approximate"), tokens=64, every=2),
)


@pytest.fixture
def target(tmp_path):
    """An untrained model, which is all a step needs."""
    tokenizer = train_tokenizer([" ".join(WORDS)] * 4, 300)
    small = ScratchConfig(vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2, context=32)
    folder = tmp_path / "target"
    initial(small, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Record(kind="model", fingerprint="t0", path=folder)


@pytest.fixture
def data(tmp_path):
    """Six documents a split."""
    folder = tmp_path / "data"
    folder.mkdir()
    for split in SPLITS:
        rng = random.Random(split)
        texts = [" ".join(rng.choices(WORDS, k=30)) for _ in range(6)]
        ids = [f"{split}:{at}" for at in range(6)]
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / f"{split}.parquet")
    return Record(kind="splits", fingerprint="d0", path=folder)


def read(record, name):
    return [json.loads(line) for line in (record.path / name).read_text().splitlines()]


def test_it_leaves_a_model_its_progress_and_its_cost(target, data):
    config = QUICK.model_copy(update={"method": PRESETS["ascent_kl"]})
    record = unlearn.fn(target, data, config)
    lines = read(record, "progress.jsonl")
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    probes = {"forget_nll", "retain_nll", "approximate_nll"}
    assert [line["step"] for line in lines if probes <= line.keys()] == [0, 2, 3]

    spent = json.loads((record.path / "training.json").read_text())
    n, side = spent["parameters"], 3 * 128
    # Both sides are trained on; the reference reads the keep side too.
    assert spent["tokens"] == 2 * side
    assert spent["flops"] == 6 * n * 2 * side + 2 * n * side
    assert spent["peak_memory_bytes"] > 50e6
    assert unlearn.fn(target, data, config) == record


def test_labels_read_from_the_target_are_part_of_the_cost(target, data):
    config = QUICK.model_copy(update={"method": PRESETS["adversarial_label"]})
    spent = json.loads((unlearn.fn(target, data, config).path / "training.json").read_text())
    n = spent["parameters"]
    (read_once,) = {(spent["flops"] - 6 * n * 3 * 128) / (2 * n)}
    assert 6 * 30 <= read_once <= 6 * 30 * 6  # six documents of thirty words, once


def test_a_preset_is_taken_by_name():
    assert UnlearnConfig(method="ascent_kl").method == PRESETS["ascent_kl"]


def test_an_unknown_preset_is_offered_the_nearest():
    with pytest.raises((ConfigError, ValidationError), match="did you mean 'ascent_kl'"):
        UnlearnConfig(method="ascent_k1")


def test_a_variation_changes_method_rate_and_seed_alone():
    varied = QUICK.varied(PRESETS["random_label"], 0.5, 3)
    assert varied.method == PRESETS["random_label"]
    assert varied.optimiser == QUICK.optimiser.model_copy(update={"learning_rate": 0.5, "seed": 3})
    assert varied.steps == QUICK.steps


def test_a_rule_to_stop_by_needs_its_probes_and_a_change_that_is_not_scaled():
    with pytest.raises(ValidationError, match=r"alike judges by approximate, which is not probed"):
        UnlearnConfig(stop={"name": "alike"}, probes={"splits": ["forget", "retain"]})
    with pytest.raises(ValidationError, match=r"cannot stop by gap: leave unlearn\.stop"):
        UnlearnConfig(stop={"name": "gap"}, method="task_vector")
    with pytest.raises(ValidationError, match="cannot stop by gap"):
        UnlearnConfig(stop={"name": "gap"}).varied(PRESETS["task_vector"], 0.1, 0)


def test_arithmetic_is_a_job_a_side_and_the_last_adds_them_up(target, data, tmp_path):
    keep = (Keep(weight=2.0), Keep(split="general", weight=0.5))
    method = Method(forget=Descent(), keep=keep, edit=ModelState(forget=1.5))
    earlier = target.path / EARLIER
    earlier.mkdir()
    config = QUICK.model_copy(update={"method": method})
    *apart, last = jobs_of(target, data, config, tmp_path / "folder", tmp_path / "out")
    assert [job.start for job in (*apart, last)] == [earlier] * 3
    assert [[part.splits for part in job.parts] for job in (*apart, last)] == [
        [("forget",)], [("retain",)], [("general",)],
    ]  # fmt: skip
    assert all(part.weight == 1 for job in (*apart, last) for part in job.parts)
    assert last.out == tmp_path / "out"
    assert last.added.to == target.path
    assert last.added.times == 0.5
    assert [(change.folder, change.times) for change in last.added.others] == [
        (apart[0].out, -1.5), (apart[1].out, 2.0),
    ]  # fmt: skip


def test_without_an_earlier_checkpoint_the_way_to_one_is_named(target, data, tmp_path):
    config = QUICK.model_copy(update={"method": PRESETS["model_state"]})
    with pytest.raises(ModelError, match=r"set model\.earlier_share"):
        unlearn.fn(target, data, config)
