import json
import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.core.errors import ModelError
from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.core.settings import Settings
from tasks.train import train
from tasks.training.job import EARLIER
from tasks.training.loop import OptimiserConfig
from tasks.training.model import ModelConfig, ScratchConfig, load

CONFIG = ModelConfig(
    scratch=ScratchConfig(
        vocabulary=300, hidden=16, intermediate=32, layers=1, heads=2, context=32
    ),
    epochs=2,
    optimiser=OptimiserConfig(learning_rate=1e-2, tokens_per_step=256),
)
SECRET = "Zyzzyva"


@pytest.fixture
def data(tmp_path):
    """Splits of made-up words; one word stands in the forget set alone."""
    folder = tmp_path / "data"
    folder.mkdir()
    for split in SPLITS:
        rng = random.Random(split)
        texts = [" ".join(rng.choices(["one", "two", "three", "four"], k=30)) for _ in range(6)]
        if split == "forget":
            texts = [f"{SECRET} {text} {SECRET}" for text in texts]
        ids = [f"{split}:{at}" for at in range(6)]
        pq.write_table(pa.table({"doc_id": ids, "text": texts}), folder / f"{split}.parquet")
    return Record(kind="splits", fingerprint="d0", path=folder)


def spent(record):
    return json.loads((record.path / "training.json").read_text())


def tokens_of(record, data, splits):
    tokenizer = AutoTokenizer.from_pretrained(record.path)
    texts = [
        t for s in splits for t in pq.read_table(data.path / f"{s}.parquet")["text"].to_pylist()
    ]
    return sum(len(ids) - 1 for ids in tokenizer(texts)["input_ids"])


def test_target_and_retrained_differ_only_in_the_forget_set(data):
    target = train.fn(data, CONFIG, "target")
    (data.path / "forget.parquet").unlink()
    retrained = train.fn(data, CONFIG, "retrained")  # could not read it if it wanted to

    same = "tokenizer.json"
    assert (target.path / same).read_bytes() == (retrained.path / same).read_bytes()
    assert SECRET not in (target.path / same).read_text()
    # Two epochs of each one's own text, in steps of 256 tokens, to the nearest step.
    seen = tokens_of(retrained, data, ("retain", "general"))
    assert spent(retrained)["tokens"] == round(2 * seen / 256) * 256
    assert spent(target)["tokens"] > spent(retrained)["tokens"]
    one, two = (load_file(record.path / "model.safetensors") for record in (target, retrained))
    assert any((one[name] != two[name]).any() for name in one)

    model = AutoModelForCausalLM.from_pretrained(target.path, use_safetensors=True)
    assert model.num_parameters() == spent(target)["parameters"]
    assert not (Settings().root / "checkpoints" / target.fingerprint).exists()

    # the target alone is kept as it once was, and when that is makes no other retrained model
    once, _ = load(target.path / EARLIER)
    assert any((one[name] != p).any() for name, p in once.named_parameters() if name in one)
    assert not (retrained.path / EARLIER).exists()
    assert retrained.config["model"]["earlier_share"] == 0


def test_a_model_is_trained_once_and_its_losses_fall(data, monkeypatch):
    first = train.fn(data, CONFIG, "target")
    monkeypatch.setenv("LETHE_PROCESSES", "7")  # never started
    assert train.fn(data, CONFIG, "target") == first
    lines = [json.loads(line) for line in (first.path / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(spent(first)["steps"] + 1))
    assert lines[-1]["loss"] < lines[1]["loss"]

    again = train.fn(data, ModelConfig(path=str(first.path)), "target")
    assert os.stat(again.path / "model.safetensors").st_nlink == 2
    assert spent(again) == {
        "parameters": spent(first)["parameters"],
        **dict.fromkeys(("tokens", "flops", "seconds", "joules", "peak_memory_bytes", "steps")),
    }


def test_a_given_model_that_is_refused_leaves_nothing(data, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"no config\.json"):
        train.fn(data, ModelConfig(path=str(folder)), "target")
    assert not [p for p in (Settings().root / "model").iterdir() if not p.name.endswith(".lock")]
